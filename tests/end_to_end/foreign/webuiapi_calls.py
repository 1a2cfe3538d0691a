"""webuiapi, a client of A1111's API: each of its calls that a server without extensions has."""

import sys
from urllib.parse import urlparse

import webuiapi
from PIL import Image

address, key = urlparse(sys.argv[1]), sys.argv[2]
api = webuiapi.WebUIApi(host=address.hostname, port=address.port, username="me", password=key)

made = api.txt2img(prompt="a boat, neon", negative_prompt="ugly", seed=7, styles=["neon"], cfg_scale=7)
assert made.image.size == (512, 512), made.image
assert made.info["all_seeds"] == [7], made.info
assert {"steps", "cfg_scale", "sampler_name", "negative_prompt"} <= set(made.info["not_honoured"]), made.info
assert made.parameters["prompt"] == "a boat, neon"
assert "Seed: 7" in made.image.info["parameters"]
assert len(api.txt2img(prompt="x", batch_size=2, n_iter=2, width=256, height=320, steps=1).images) == 4

again = api.img2img(images=[made.image], prompt="watercolor", denoising_strength=0.5)
assert again.image.size == (512, 512)
half = Image.new("L", (512, 512), 0)
half.paste(255, (0, 0, 256, 512))
inpainted = api.img2img(
    images=[made.image], mask_image=half, mask_blur=4, inpainting_fill=1, prompt="x", denoising_strength=1.0
)
assert inpainted.info["not_honoured"], inpainted.info

said = api.png_info(made.image)
assert "Seed: 7" in said.info, said.info

options = api.get_options()
assert options["sd_model_checkpoint"] == api.util_get_current_model() == "embedded"
api.set_options({"sd_model_checkpoint": "embedded"})
api.util_set_model("embed")
assert api.util_get_model_names() == ["embedded"]
assert "Euler a" in api.util_get_sampler_names()
assert api.util_get_scheduler_names() == ["automatic"]
api.util_wait_for_ready(check_interval=0.1)
assert api.get_progress()["state"]["job_count"] == 0
for name in (
    "interrupt", "skip", "refresh_checkpoints", "get_cmd_flags", "get_samplers", "get_schedulers", "get_upscalers",
    "get_latent_upscale_modes", "get_sd_vae", "get_sd_models", "get_loras", "get_embeddings", "get_scripts", "get_memory",
    "get_hypernetworks", "get_face_restorers", "get_realesrgan_models", "get_prompt_styles",
):  # fmt: skip
    getattr(api, name)()


def refusal(client: webuiapi.WebUIApi, **asked: str) -> str:
    try:
        client.txt2img(**asked)
    except RuntimeError as error:
        return str(error)
    return ""


assert "the most taken here is 2000" in refusal(api, prompt="x" * 5000)
stranger = webuiapi.WebUIApi(host=address.hostname, port=address.port, username="me", password="wrong")
assert "key is wrong" in refusal(stranger, prompt="x")
print("done")
