"""Opens folders of compressed matrices with the packages that made their formats.

clients.py IDS FOLDER...   prints for every folder a line of JSON: the client and its version, for every matrix the sha256 of its
values as f32 (and the type in which the client gave them), and the file with the logits, f32 [tokens, vocabulary].
"""

import hashlib
import json
import os
import sys
import traceback
from importlib.metadata import version

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_grad_enabled(False)


def sha256(weight):
    # + 0: a code of 0 times a negative scale is -0 in some clients.
    values = weight.detach().to(torch.float32).contiguous() + 0.0
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()


def described(weights):
    return {name: {"dtype": str(w.dtype).removeprefix("torch."), "sha256": sha256(w)} for name, w in weights.items()}


def tensors_of(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            found.update(load_file(os.path.join(folder, name)))
    return found


def config_of(folder):
    with open(os.path.join(folder, "config.json")) as file:
        return json.load(file)


def plain_model(folder, weights):
    """The model of transformers in f32, with the matrices as the client gave them."""
    config = AutoConfig.from_pretrained(folder)
    del config.quantization_config
    config.dtype = torch.float32
    model = AutoModelForCausalLM.from_config(config).to(torch.float32).eval()
    own = set(model.state_dict())
    state = {name: t for name, t in tensors_of(folder).items() if name in own}
    state.update({f"{name}.weight": w.to(torch.float32) for name, w in weights.items()})
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if name != "lm_head.weight"]
    if missing or unexpected:
        raise SystemExit(f"{folder}: missing {missing[:3]}, unexpected {unexpected[:3]}")
    model.tie_weights()
    return model


def compressed_tensors(folder):
    config = config_of(folder)["quantization_config"]
    groups = config["config_groups"].values()
    if any((g["format"] or config["format"]) == "pack-quantized" and not g["weights"]["symmetric"] for g in groups):
        # transformers expects packed zero points in the shape that they have unpacked, also of their own files.
        weights = layer_by_layer(folder)
        return "compressed-tensors", weights, plain_model(folder, weights), False
    # What comes out of its NVFP4, MXFP4 and MXFP8 is bf16 whatever the model's type.
    only_bf16 = any(g["weights"].get("scale_dtype") for g in groups)
    dtype = torch.bfloat16 if only_bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    linears = [(n, m) for n, m in model.named_modules() if getattr(m, "quantization_scheme", None) is not None]
    model(torch.tensor([[0]]))  # the first pass decompresses
    weights = {name: module.weight for name, module in linears}
    rounds_inputs = any(m.quantization_scheme.input_activations is not None for _, m in linears)
    # W8A8 rounds inputs too, and a pass in bf16 tells little: then the matrices go into a plain model.
    own = not rounds_inputs and not only_bf16
    return "compressed-tensors", weights, model if own else plain_model(folder, weights), own


def layer_by_layer(folder):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationScheme

    config = config_of(folder)["quantization_config"]
    (group,) = config["config_groups"].values()
    scheme = QuantizationScheme.model_validate(group)
    compressor = BaseCompressor.get_value_from_registry(group["format"] or config["format"])
    tensors = tensors_of(folder)
    weights = {}
    for name in tensors:
        if name.endswith(".weight_scale"):
            stem = name.removesuffix(".weight_scale")
            state = {key.removeprefix(f"{stem}."): t for key, t in tensors.items() if key.startswith(f"{stem}.")}
            state["weight_scale"] = state["weight_scale"].float()
            weights[stem] = compressor.decompress(state, scheme)["weight"]
    return weights


def gptq(folder):
    from gptqmodel import BACKEND, GPTQModel
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear

    model = GPTQModel.load(folder, backend=BACKEND.GPTQ_TORCH, device="cpu", dtype=torch.float16)
    weights = {}
    for name, module in model.model.named_modules():
        if isinstance(module, TorchLinear):
            module.scales = module.scales.float()
            module.clear_weight_cache()
            weights[name] = module.dequantize_weight().T
    return "gptqmodel", weights, plain_model(folder, weights), False


def awq(folder):
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm

    config = config_of(folder)["quantization_config"]
    tensors = tensors_of(folder)
    weights = {}
    for name in tensors:
        if name.endswith(".qweight"):
            stem = name.removesuffix(".qweight")
            scales = tensors[f"{stem}.scales"].float()
            rows = tensors[name].shape[0]
            size = rows if config["group_size"] == -1 else config["group_size"]
            w = dequantize_gemm(tensors[name], tensors[f"{stem}.qzeros"], scales, config["bits"], size)
            weights[stem] = w.T
    return "gptqmodel", weights, plain_model(folder, weights), False


def bitsandbytes(folder):
    import bitsandbytes as bnb

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu").eval()
    # What is not compressed stays in the file's bf16 otherwise, and so do the sums.
    for parameter in model.parameters():
        codes = isinstance(parameter, (bnb.nn.Params4bit, bnb.nn.Int8Params))
        if not codes and parameter.dtype in (torch.bfloat16, torch.float16):
            parameter.data = parameter.data.float()
    weights = {}
    for name, module in model.named_modules():
        if isinstance(module, bnb.nn.Linear4bit):
            # Its kernel for such processors computes in bf16.
            module.support_avx512bf16_for_cpu = False
            state = module.weight.quant_state
            state.dtype = torch.float32
            weights[name] = bnb.functional.dequantize_4bit(module.weight.data, state)
        elif isinstance(module, bnb.nn.Linear8bitLt):
            weights[name] = bnb.functional.int8_vectorwise_dequant(module.weight.data, module.weight.SCB)
    own = any(isinstance(m, bnb.nn.Linear4bit) for m in model.modules())
    # 8 bits round inputs too.
    return "bitsandbytes", weights, model if own else plain_model(folder, weights), own


def hqq(folder):
    from hqq.core.quantize import HQQLinear

    tensors = tensors_of(folder)
    weights = {}
    for name in tensors:
        if name.endswith(".W_q"):
            stem = name.removesuffix(".W_q")
            keys = HQQLinear(None, None).state_dict_keys() - {"bias"}
            state = {key: tensors[f"{stem}.{key}"] for key in keys if f"{stem}.{key}" in tensors}
            layer = HQQLinear(None, None, compute_dtype=torch.float32, device="cpu")
            layer.load_state_dict(state)
            weights[stem] = layer.dequantize()
    return "hqq", weights, plain_model(folder, weights), False


clients = {
    "compressed-tensors": compressed_tensors,
    "gptq": gptq,
    "awq": awq,
    "bitsandbytes": bitsandbytes,
    "hqq": hqq,
}


def opened(folder, ids):
    method = config_of(folder)["quantization_config"]["quant_method"]
    package, weights, model, own = clients[method](folder)
    logits = model(ids).logits[0].to(torch.float32).contiguous()
    path = os.path.join(os.path.dirname(folder), f"{os.path.basename(folder)}.logits")
    logits.numpy().tofile(path)
    return {"client": f"{package} {version(package)}", "computes": own, "weights": described(weights), "logits": path}


def main():
    ids = torch.tensor([[int(x) for x in sys.argv[1].split(",")]])
    for folder in sys.argv[2:]:
        try:
            report = opened(folder, ids)
        except Exception as error:
            traceback.print_exc()
            report = {"error": f"{type(error).__name__}: {error}"}
        print("RESULT " + json.dumps({"folder": folder, **report}), flush=True)


main()
