"""Logits of a checkpoint in f32 by transformers: MODEL TOKENS.safetensors OUT.safetensors (input_ids [B, T] → logits [B, T, V])."""
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

model, tokens, out = sys.argv[1:]
network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, attn_implementation="eager").eval()
with torch.no_grad():
    logits = network(load_file(tokens)["input_ids"].long()).logits
save_file({"logits": logits.contiguous()}, out)
