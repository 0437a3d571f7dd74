"""Compresses a model with the packages themselves, each into a folder of its own format.

write_folders.py MODEL OUT [NAME...]   makes OUT/NAME for every NAME, and prints what could not be made.
"""

import json
import os
import shutil
import sys
import traceback

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# GPTQModel counts one worker on two cores, and asks for two.
os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

model, out = sys.argv[1:3]


def bitsandbytes(path, **options):
    config = BitsAndBytesConfig(**options)
    AutoModelForCausalLM.from_pretrained(model, quantization_config=config, device_map="cpu").save_pretrained(path)


def compressed_tensors(path, scheme):
    """Ranges from the smallest and largest weight: what llm-compressor does without data."""
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme, apply_quantization_config
    from compressed_tensors.quantization import preset_name_to_scheme
    from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    group = preset_name_to_scheme(scheme, ["Linear"])
    if group.weights.group_size == 128:
        group.weights.group_size = 32
    apply_quantization_config(loaded, QuantizationConfig(config_groups={"group_0": group}, ignore=["lm_head"]))
    for module in loaded.modules():
        own = getattr(module, "quantization_scheme", None)
        if not isinstance(own, QuantizationScheme):
            continue
        weight = module.weight.data.float()
        rows, cols = weight.shape
        if group.weights.strategy in ("group", "tensor_group"):
            parts = weight.reshape(rows, -1, group.weights.group_size)
            low, high = parts.amin(-1), parts.amax(-1)
        elif group.weights.strategy == "block":
            tall, wide = group.weights.block_structure
            padded = torch.nn.functional.pad(weight, (0, -cols % wide, 0, -rows % tall))
            parts = padded.reshape(padded.shape[0] // tall, tall, padded.shape[1] // wide, wide)
            low, high = parts.amin((1, 3)), parts.amax((1, 3))
        elif group.weights.strategy == "tensor":
            low, high = weight.min(), weight.max()
        else:
            low, high = weight.amin(-1, keepdim=True), weight.amax(-1, keepdim=True)
        shared = None
        if hasattr(module, "weight_global_scale"):
            shared = generate_gparam(weight.min(), weight.max())
            module.weight_global_scale.data.copy_(shared)
        scale, zero = calculate_qparams(low, high, group.weights, global_scale=shared)
        module.weight_scale.data.copy_(scale.reshape(module.weight_scale.shape))
        if getattr(module, "weight_zero_point", None) is not None:
            module.weight_zero_point.data.copy_(zero.reshape(module.weight_zero_point.shape))
    compressor = ModelCompressor.from_pretrained_model(loaded)
    compressor.compress_model(loaded)
    loaded.save_pretrained(path)
    compressor.update_config(path)


def hqq(path, nbits):
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    config = BaseQuantizeConfig(nbits=nbits, group_size=64, axis=1)
    tensors = {}
    linears = {name: m for name, m in loaded.named_modules() if isinstance(m, torch.nn.Linear) and name != "lm_head"}
    for name, linear in linears.items():
        layer = HQQLinear(linear, config, compute_dtype=torch.float32, device="cpu", del_orig=False)
        tensors |= {f"{name}.{key}": value.contiguous() for key, value in layer.state_dict().items()}
    tensors |= {n: p.data for n, p in loaded.named_parameters() if n.removesuffix(".weight") not in linears}
    os.makedirs(path)
    save_file(tensors, os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
    said = {**loaded.config.to_dict(), "quantization_config": {"quant_method": "hqq", "skip_modules": ["lm_head"]}}
    with open(os.path.join(path, "config.json"), "w") as file:
        json.dump(said, file)


def gptqmodel(path, **options):
    from gptqmodel import GPTQModel, QuantizeConfig

    # Its packer in C++ would be compiled first.
    loaded = GPTQModel.load(model, QuantizeConfig(pack_impl="original", **options), device="cpu")
    text = "Anna took the red apple to the garden. " * 40
    tokens = AutoTokenizer.from_pretrained(model)(text)["input_ids"][:256]
    sample = {"input_ids": torch.tensor([tokens]), "attention_mask": torch.ones(1, len(tokens), dtype=torch.long)}
    loaded.quantize([sample] * 2, batch_size=1)
    loaded.save(path)


makers = {
    "bnb-nf4": lambda path: bitsandbytes(
        path, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    ),
    "bnb-fp4": lambda path: bitsandbytes(path, load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    "bnb-nf4-in-bf16": lambda path: bitsandbytes(
        path, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_quant_storage="bfloat16"
    ),
    "bnb-int8": lambda path: bitsandbytes(path, load_in_8bit=True),
    **{
        f"ct-{scheme}": (lambda scheme: lambda path: compressed_tensors(path, scheme))(scheme)
        for scheme in ["W4A16", "W4A16_ASYM", "W3A16", "W8A8", "FP8", "FP8_BLOCK", "NVFP4A16", "MXFP4A16"]
    },
    **{f"hqq-{nbits}": (lambda nbits: lambda path: hqq(path, nbits))(nbits) for nbits in [2, 3, 4, 8]},
    "gptq": lambda path: gptqmodel(path, bits=4, group_size=32, desc_act=False),
    "gptq-desc_act": lambda path: gptqmodel(path, bits=4, group_size=32, desc_act=True),
    "gptq-v2-asym": lambda path: gptqmodel(path, bits=8, group_size=32, sym=False, format="gptq_v2"),
    "awq": lambda path: gptqmodel(path, bits=4, group_size=32, method="awq", format="gemm", sym=False),
}

for name in sys.argv[3:] or makers:
    path = os.path.join(out, name)
    try:
        makers[name](path)
        print(f"MADE {name}", flush=True)
    except Exception as error:
        traceback.print_exc()
        shutil.rmtree(path, ignore_errors=True)
        print(f"FAILED {name} {type(error).__name__}: {error}", flush=True)
