"""Records ten steps of LoRA in PyTorch, for packages/lowrank/test: lora-trajectory.py TEACHER RECORDED.safetensors OUT.safetensors

RECORDED gives input_ids [10, 2, 16] and the matrices A to start from (`init.LAYER.A`); B starts at zero. Rank 4, alpha 8 on every
linear of the blocks, AdamW at 0.01 without decay, gradients clipped to 1, linear schedule with two steps of warm-up.
"""
import math, sys
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM, get_linear_schedule_with_warmup

torch.set_num_threads(1)
given = load_file(sys.argv[2])
model = LlamaForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float64, attn_implementation="eager")
for parameter in model.parameters():
    parameter.requires_grad_(False)
layers = [key[5:-2] for key in given if key.startswith("init.")]
adapters = {}


def attach(layer):
    module = model.get_submodule(layer)
    a = torch.nn.Parameter(given[f"init.{layer}.A"].double().clone())
    b = torch.nn.Parameter(torch.zeros(module.out_features, a.shape[0], dtype=torch.float64))
    adapters[layer] = (a, b)
    plain = module.forward
    module.forward = lambda x: plain(x) + 2 * (x @ a.T) @ b.T


for layer in layers:
    attach(layer)
trained = [p for pair in adapters.values() for p in pair]
optimizer = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.0)
schedule = get_linear_schedule_with_warmup(optimizer, 2, 10)
losses, norms = [], []
for ids in given["input_ids"].long():
    loss = model(ids, labels=ids).loss
    optimizer.zero_grad()
    loss.backward()
    norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
    losses.append(loss.item())
    optimizer.step()
    schedule.step()
out = {"input_ids": given["input_ids"], "losses": torch.tensor(losses, dtype=torch.float64), "grad_norms": torch.tensor(norms, dtype=torch.float64)}
for layer, (a, b) in adapters.items():
    out[f"init.{layer}.A"] = given[f"init.{layer}.A"].clone()
    out[f"final.{layer}.A"] = a.detach().float().contiguous()
    out[f"final.{layer}.B"] = b.detach().float().contiguous()
save_file(out, sys.argv[3])
print(losses, norms)
