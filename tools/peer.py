#!/usr/bin/python3
"""The peer of `gnomon bench --peer`: our models as one would write them in plain PyTorch.

usage: peer.py MODEL LENGTH BATCH VOCABULARY THREADS

Prints the number of parameters; then, for each line that it reads (but "stop"), takes one training
step (forward, backward, AdamW) on random tokens and prints its seconds. Shape as in the Pointer
paper: 6 layers, width 256, 8 heads, float32, causal.

  transformer   pre-norm attention with explicit N x N scores, feed-forward 512
  pointer       13 candidates per token (a few near ones and random earlier ones) gathered for all
                heads together, softmax, gate; feed-forward 204, which makes the parameters equal
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, CANDIDATES = 6, 256, 8, 13


class Attention(nn.Module):
    feed_forward = 512

    def __init__(self):
        super().__init__()
        self.project, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, a):
        B, N, _ = a.shape
        q, k, v = (x.view(B, N, HEADS, -1).transpose(1, 2) for x in self.project(a).chunk(3, -1))
        scores = q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
        later = torch.ones(N, N, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(later, float("-inf")).softmax(-1)
        return self.output((weights @ v).transpose(1, 2).reshape(B, N, WIDTH))


class Pointer(nn.Module):
    feed_forward = 204

    def __init__(self):
        super().__init__()
        names = "query key value gate gate_read output".split()
        self.part = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH, name == "gate") for name in names})
        self.types = nn.Linear(WIDTH, HEADS * CANDIDATES)

    def forward(self, a):
        B, N, _ = a.shape
        back = torch.arange(CANDIDATES).expand(N, -1).clone()
        back[:, 6:] = torch.randint(0, N, (N, CANDIDATES - 6))
        to = (torch.arange(N)[:, None] - back).clamp(min=0)
        to = (to[None] + N * torch.arange(B)[:, None, None]).flatten()
        # F.embedding has the fast backward pass of all ways to gather rows.
        rows = lambda x: F.embedding(to, x.view(B * N, WIDTH)).view(B, N, CANDIDATES, HEADS, -1)
        q = self.part["query"](a).view(B, N, 1, HEADS, -1)
        scores = (q * rows(self.part["key"](a))).sum(-1) / (WIDTH // HEADS) ** 0.5
        scores = scores + self.types(a).view(B, N, CANDIDATES, HEADS)
        z = (scores.softmax(2)[..., None] * rows(self.part["value"](a))).sum(2).view(B, N, WIDTH)
        gate = torch.sigmoid(self.part["gate"](a) + self.part["gate_read"](z))
        return gate * self.part["output"](z)


class Layer(nn.Module):
    def __init__(self, mixer):
        super().__init__()
        self.mixer, self.norm1, self.norm2 = mixer, nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.feed_forward = nn.Sequential(
            nn.Linear(WIDTH, mixer.feed_forward), nn.GELU(), nn.Linear(mixer.feed_forward, WIDTH))

    def forward(self, h):
        h = h + self.mixer(self.norm1(h))
        return h + self.feed_forward(self.norm2(h))


def main():
    name, (length, batch, vocabulary, threads) = sys.argv[1], map(int, sys.argv[2:])
    mixer = {"transformer": Attention, "pointer": Pointer}[name]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Embedding(vocabulary, WIDTH), *(Layer(mixer()) for _ in range(LAYERS)),
        nn.LayerNorm(WIDTH), nn.Linear(WIDTH, vocabulary))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    tokens, targets = torch.randint(0, vocabulary, (2, batch, length))
    print(sum(p.numel() for p in model.parameters()), flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            break
        start = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
