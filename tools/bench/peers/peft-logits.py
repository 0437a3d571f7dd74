"""Logits of a checkpoint with a PEFT adapter, in f32: MODEL ADAPTER TOKENS.safetensors OUT.safetensors SAVED.

input_ids [B, T] → logits [B, T, V]; `plain` are those without the adapter. The adapter is saved again, by PEFT, to the folder SAVED.
"""
import sys
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

# PEFT warns of tensors that it misses or does not know: here that is a failure.
warnings.simplefilter("error")
model, adapter, tokens, out, saved = sys.argv[1:]
ids = load_file(tokens)["input_ids"].long()
network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, attn_implementation="eager").eval()
with torch.no_grad():
    plain = network(ids).logits.contiguous()
    network = PeftModel.from_pretrained(network, adapter).eval()
    logits = network(ids).logits.contiguous()
save_file({"logits": logits, "plain": plain}, out)
network.save_pretrained(saved)
