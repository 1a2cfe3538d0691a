"""A look of flat triangles."""

from functools import lru_cache

import torch
from torch import Tensor

from training.looks.colour import expose, smoothstep, vivid
from training.looks.filters import blur, flow, kuwahara, places, slopes
from training.looks.grids import NINE, at_cells, blocks, ringed
from training.looks.patterns import draws


def _gather(x: Tensor, px: Tensor, py: Tensor) -> Tensor:
    """x [n, c, h, w] at places [n, 1, rows, columns] of each picture's own: [n, c, rows, columns]."""
    n, c, h, w = x.shape
    index = (py.round().long().clamp(0, h - 1) * w + px.round().long().clamp(0, w - 1)).view(n, 1, -1)
    return x.view(n, c, h * w).gather(2, index.expand(n, c, -1)).view(n, c, *px.shape[-2:])


@lru_cache(maxsize=32)
def _facets(rows: int, columns: int, pitch: int, device: torch.device) -> Tensor:
    """[2, rows, columns]: a number in [-1, 1] of each of a cell's two triangles."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return draws((x + 0.5) * pitch, (y + 0.5) * pitch)[:2].to(device)


def low_poly(x: Tensor, breadth: float) -> Tensor:
    """Flat triangles whose corners slide to the edges of the forms; finer ones where there is detail."""
    x = expose(x, 0.52)
    pitch = 16 if breadth < 1.5 else 32
    n, _, h, w = x.shape
    along = flow(x, 3.0)
    flat = vivid(kuwahara(x, 3.0, along), 1.5)
    rows, columns = h // pitch + 1, w // pitch + 1
    shake = torch.rand((2, 64 // pitch, 64 // pitch), generator=torch.Generator().manual_seed(83)) - 0.5
    shake = shake.repeat(1, -(-rows // (64 // pitch)), -(-columns // (64 // pitch)))[:, :rows, :columns].to(x.device)
    y, x_ = torch.meshgrid(torch.arange(rows, device=x.device), torch.arange(columns, device=x.device), indexing="ij")
    px, py = (x_ + 0.5 * shake[0]) * pitch - 0.5, (y + 0.5 * shake[1]) * pitch - 0.5
    gx, gy = slopes(blur(flat, 1.0))
    energy = (gx * gx + gy * gy).sum(1, keepdim=True)
    weight = blur(energy, 4.0) + 3e-5
    pulls = [blur(energy * places(h, w, x.device)[..., i].unsqueeze(1), 4.0) / weight for i in (0, 1)]
    share = blur(energy, 4.0) / weight
    vx, vy = px.expand(n, 1, -1, -1), py.expand(n, 1, -1, -1)
    goal_x, goal_y = at_cells(pulls[0], px, py), at_cells(pulls[1], px, py)
    held = at_cells(share, px, py)
    limit = 0.34 * pitch
    vx = vx + (goal_x - held * px).clamp(-limit, limit)
    vy = vy + (goal_y - held * py).clamp(-limit, limit)
    inner = torch.ones_like(vx)
    inner[..., 0] = inner[..., -1] = 0
    vx = vx * inner + (1 - inner) * (x_ * pitch - 0.5)
    inner = torch.ones_like(vx)
    inner[..., 0, :] = inner[..., -1, :] = 0
    vy = vy * inner + (1 - inner) * (y * pitch - 0.5)
    source = torch.cat([flat, along.detail], 1)
    grid = blocks(places(h, w, x.device)[0].permute(2, 0, 1)[None], pitch)
    number = _facets(rows - 1, columns - 1, pitch, x.device)
    out = blocks(flat, pitch).clone()
    corner = {
        (i, j): (vx[..., i : rows - 1 + i, j : columns - 1 + j], vy[..., i : rows - 1 + i, j : columns - 1 + j])
        for i in (0, 1)
        for j in (0, 1)
    }
    for half, names in enumerate((((0, 0), (0, 1), (1, 0)), ((1, 1), (1, 0), (0, 1)))):
        (ax, ay), (bx, by), (cx, cy) = (corner[name] for name in names)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)

        shares = ((0.34, 0.33, 0.33), (0.66, 0.17, 0.17), (0.17, 0.66, 0.17), (0.17, 0.17, 0.66))
        parts = [_gather(source, i * ax + j * bx + k * cx, i * ay + j * by + k * cy) for i, j, k in shares]
        whole = sum(parts[1:], parts[0]) * 0.25
        whole[:, :3] *= 1 + 0.06 * number[half]
        fine = smoothstep(whole[:, 3:4], 0.15, 0.55)
        pieces = [torch.lerp(whole, part, fine)[:, :3] for part in parts]
        geometry = torch.cat([ax, ay, (cy - ay) / area, (ax - cx) / area, (ay - by) / area, (bx - ax) / area], 1)
        cells = ringed(torch.cat([geometry, *pieces], 1))
        for oy, ox in NINE:
            cell = cells[:, :, 1 + oy : oy + rows, 1 + ox : ox + columns].unsqueeze(3).unsqueeze(5)
            dx, dy = grid[:, 0:1] - cell[:, 0:1], grid[:, 1:2] - cell[:, 1:2]
            p = dx * cell[:, 2:3] + dy * cell[:, 3:4]
            q = dx * cell[:, 4:5] + dy * cell[:, 5:6]
            r = 1 - p - q
            inside = (torch.minimum(torch.minimum(p, q), r) * pitch + 0.5).clamp(0, 1)
            tint = torch.where(
                r > 0.5, cell[:, 9:12], torch.where(p > 0.5, cell[:, 12:15], torch.where(q > 0.5, cell[:, 15:18], cell[:, 6:9]))
            )
            out = torch.lerp(out, tint, inside)
    return out.reshape(n, 3, h, w)
