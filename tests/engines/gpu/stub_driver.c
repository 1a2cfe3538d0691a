// libcuda.so.1 without a GPU: the functions of the driver that we call, on host memory, done at once.
// What is captured is kept and done at each launch. Objects are counted, and what a driver would refuse is refused.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
enum { OK = 0, INVALID = 1, MEMORY = 2, NOT_FOUND = 500, CAPTURING = 900 };

typedef struct { char name[64]; void (*run)(void**, unsigned, unsigned, unsigned); int count, bytes[64]; } Function;
typedef struct Node {
    int kind;  // 0 copy, 1 clear, 2 kernel
    void *to, *from;
    size_t size;
    Function* function;
    unsigned grid[2], block;
    uint64_t values[64];
    struct Node* next;
} Node;
typedef struct { Node *first, *last; } Graph;
typedef struct { Graph* capturing; } Stream;

static long live, allocated, captures;
static long total = 1L << 30;
static struct { char* at; size_t size; } blocks[4096];
static int block_count;

long stub_live(void) { return live; }
long stub_allocated(void) { return allocated; }
void stub_total(long bytes) { total = bytes; }

static void* counted(size_t size) { ++live; return calloc(1, size); }
static Result dropped(void* object) { if (!object) return INVALID; --live; free(object); return OK; }

Result cuInit(unsigned flags) { (void)flags; return OK; }
Result cuDriverGetVersion(int* version) { *version = 13000; return OK; }
Result cuDeviceGetCount(int* count) { *count = 1; return OK; }
Result cuDeviceGet(int* device, int number) { *device = number; return number ? 101 : OK; }
Result cuDeviceGetName(char* name, int size, int device) { (void)device; snprintf(name, size, "stub"); return OK; }
Result cuDeviceGetAttribute(int* value, int which, int device) { (void)device; *value = which == 75 ? 8 : 9; return OK; }
Result cuDevicePrimaryCtxRetain(void** context, int device) { (void)device; *context = counted(1); return OK; }
Result cuDevicePrimaryCtxRelease(int device) { (void)device; --live; return OK; }
Result cuCtxSetCurrent(void* context) { return context ? OK : INVALID; }
Result cuCtxSynchronize(void) { return captures ? CAPTURING : OK; }
Result cuMemGetInfo(size_t* free_, size_t* all) { *free_ = total - allocated; *all = total; return OK; }
Result cuGetErrorName(int error, const char** name) { (void)error; *name = "a stub's error"; return OK; }
Result cuGetErrorString(int error, const char** text) { (void)error; *text = "an error of the stub"; return OK; }

// NVRTC asks for a table of the driver's own functions: it is told of one that is too short to have any
Result cuGetExportTable(const void** table, const void* which) {
    static const size_t empty[1] = {sizeof empty};
    (void)which;
    *table = empty;
    return OK;
}

Result cuMemAlloc(uint64_t* at, size_t size) {
    if (captures) return CAPTURING;
    if (!size) return INVALID;
    if (allocated + (long)size > total) return MEMORY;
    char* memory = aligned_alloc(256, (size + 255) / 256 * 256);
    memset(memory, 0xFF, size);
    blocks[block_count].at = memory;
    blocks[block_count++].size = size;
    allocated += size;
    ++live;
    *at = (uint64_t)memory;
    return OK;
}
Result cuMemFree(uint64_t at) {
    for (int i = 0; i < block_count; ++i)
        if (blocks[i].at == (char*)at) {
            allocated -= blocks[i].size;
            blocks[i] = blocks[--block_count];
            return dropped((void*)at);
        }
    return INVALID;
}
static int within(uint64_t at, size_t size) {
    for (int i = 0; i < block_count; ++i)
        if ((char*)at >= blocks[i].at && (char*)at + size <= blocks[i].at + blocks[i].size) return 1;
    return 0;
}
Result cuMemHostAlloc(void** at, size_t size, unsigned flags) {
    if (captures) return CAPTURING;
    (void)flags;
    *at = counted(size);
    return OK;
}
Result cuMemFreeHost(void* at) { return dropped(at); }

Result cuStreamCreate(Stream** stream, unsigned flags) { (void)flags; *stream = counted(sizeof(Stream)); return OK; }
Result cuStreamDestroy(Stream* stream) { return dropped(stream); }
Result cuEventCreate(void** event, unsigned flags) { (void)flags; *event = counted(1); return OK; }
Result cuEventDestroy(void* event) { return dropped(event); }
Result cuEventRecord(void* event, Stream* stream) { return event && stream ? OK : INVALID; }
Result cuStreamWaitEvent(Stream* stream, void* event, unsigned flags) { return event && stream && !flags ? OK : INVALID; }
Result cuEventSynchronize(void* event) { return captures ? CAPTURING : event ? OK : INVALID; }

static void do_node(Node* node) {
    if (node->kind == 0) memmove(node->to, node->from, node->size);
    if (node->kind == 1) memset(node->to, 0, node->size);
    if (node->kind == 2) {
        void* values[64];
        for (int i = 0; i < 64; ++i) values[i] = &node->values[i];
        node->function->run(values, node->grid[0], node->grid[1], node->block);
    }
}
static Result give(Stream* stream, Node node) {
    if (!stream) return INVALID;
    if (!stream->capturing) {
        do_node(&node);
        return OK;
    }
    Node* kept = counted(sizeof(Node));
    *kept = node;
    Graph* graph = stream->capturing;
    if (graph->last) graph->last->next = kept; else graph->first = kept;
    graph->last = kept;
    return OK;
}
Result cuMemsetD8Async(uint64_t at, unsigned char value, size_t size, Stream* stream) {
    if (value || !within(at, size)) return INVALID;
    return give(stream, (Node){.kind = 1, .to = (void*)at, .size = size});
}
static Result copy(uint64_t to, uint64_t from, size_t size, Stream* stream) {
    return give(stream, (Node){.kind = 0, .to = (void*)to, .from = (void*)from, .size = size});
}
Result cuMemcpyHtoDAsync(uint64_t to, void* from, size_t size, Stream* stream) {
    return within(to, size) && !within((uint64_t)from, 1) ? copy(to, (uint64_t)from, size, stream) : INVALID;
}
Result cuMemcpyDtoHAsync(void* to, uint64_t from, size_t size, Stream* stream) {
    return within(from, size) && !within((uint64_t)to, 1) ? copy((uint64_t)to, from, size, stream) : INVALID;
}
Result cuMemcpyDtoDAsync(uint64_t to, uint64_t from, size_t size, Stream* stream) {
    return within(from, size) && within(to, size) ? copy(to, from, size, stream) : INVALID;
}

Result cuModuleLoadData(void** module, const void* image) {
    if (memcmp(image, "\x7f" "ELF", 4)) return 200;  // machine code, as NVRTC makes it; what it says is not looked at
    *module = counted(1);
    return OK;
}
Result cuModuleUnload(void* module) { return dropped(module); }
Result cuModuleGetFunction(Function** function, void* module, const char* name) {
    static Function functions[64];
    static int count;
    static void* kernels;
    char symbol[128];
    if (!module) return INVALID;
    if (!kernels) kernels = dlopen(getenv("STUB_KERNELS"), RTLD_NOW);
    if (!kernels) { fprintf(stderr, "%s\n", dlerror()); return NOT_FOUND; }
    Function* made = &functions[count++ % 64];
    snprintf(made->name, sizeof made->name, "%s", name);
    snprintf(symbol, sizeof symbol, "%s_on_host", name);
    made->run = (void (*)(void**, unsigned, unsigned, unsigned))dlsym(kernels, symbol);
    snprintf(symbol, sizeof symbol, "%s_sizes", name);
    int (*sizes)(int*) = (int (*)(int*))dlsym(kernels, symbol);
    if (!made->run || !sizes) return NOT_FOUND;
    made->count = sizes(made->bytes);
    *function = made;
    return OK;
}
Result cuLaunchKernel(Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, Stream* stream, void** values, void** extra) {
    if (!function || gz != 1 || by != 1 || bz != 1 || shared || extra || bx > 1024) return INVALID;
    Node node = {.kind = 2, .function = function, .grid = {gx, gy}, .block = bx};
    for (int i = 0; i < function->count; ++i) memcpy(&node.values[i], values[i], function->bytes[i]);
    return give(stream, node);
}

Result cuStreamBeginCapture(Stream* stream, int mode) {
    if (!stream || stream->capturing || mode != 1) return INVALID;
    stream->capturing = counted(sizeof(Graph));
    ++captures;
    return OK;
}
Result cuStreamEndCapture(Stream* stream, Graph** graph) {
    if (!stream || !stream->capturing) return INVALID;
    *graph = stream->capturing;
    stream->capturing = NULL;
    --captures;
    return OK;
}
static Result drop_graph(Graph* graph) {
    if (!graph) return INVALID;
    for (Node* node = graph->first; node;) { Node* next = node->next; dropped(node); node = next; }
    return dropped(graph);
}
Result cuGraphInstantiateWithFlags(Graph** made, Graph* graph, unsigned long long flags) {
    if (!graph || flags) return INVALID;
    Stream copying = {counted(sizeof(Graph))};
    for (Node* node = graph->first; node; node = node->next) { Node one = *node; one.next = NULL; give(&copying, one); }
    *made = copying.capturing;
    return OK;
}
Result cuGraphInstantiate(Graph** made, Graph* graph, unsigned long long flags) {
    return cuGraphInstantiateWithFlags(made, graph, flags);
}
Result cuGraphDestroy(Graph* graph) { return drop_graph(graph); }
Result cuGraphExecDestroy(Graph* graph) { return drop_graph(graph); }
Result cuGraphUpload(Graph* graph, Stream* stream) { return graph && stream && !stream->capturing ? OK : INVALID; }
Result cuGraphLaunch(Graph* graph, Stream* stream) {
    if (!graph || !stream || stream->capturing) return INVALID;
    for (Node* node = graph->first; node; node = node->next) do_node(node);
    return OK;
}

Result cuGetProcAddress_v2(const char* name, void** function, int version, uint64_t flags, int* found) {
    (void)version; (void)flags;
    static void* self;
    static Dl_info mine;
    Dl_info its;
    if (!self && dladdr((void*)cuDriverGetVersion, &mine)) self = dlopen(mine.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *function = self ? dlsym(self, name) : NULL;
    // only what is in this library: one that it needs may have something of that name
    if (*function && (!dladdr(*function, &its) || its.dli_fbase != mine.dli_fbase)) *function = NULL;
    if (found) *found = *function ? 0 : 1;
    return *function ? OK : NOT_FOUND;
}
Result cuGetProcAddress(const char* name, void** function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
