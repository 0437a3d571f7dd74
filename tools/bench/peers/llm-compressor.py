"""One run of llm-compressor, whole process: load, calibrate, compress, save. Called by ../src/compare-peers.ts.

    python llm-compressor.py METHOD MODEL OUT CALIBRATION_TEXT [--samples 64] [--length 512]
"""
import argparse, json, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("method", choices=["rtn", "gptq", "awq", "sparsegpt", "wanda"])
parser.add_argument("model")
parser.add_argument("out")
parser.add_argument("text")
parser.add_argument("--samples", type=int, default=64)
parser.add_argument("--length", type=int, default=512)
args = parser.parse_args()
started = time.time()

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from llmcompressor import oneshot
from transformers import AutoModelForCausalLM, AutoTokenizer

if not torch.cuda.is_available():
    # AWQ's activation cache pins memory without asking whether there is a device.
    torch.Tensor.pin_memory = lambda tensor, *_: tensor

tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
# Whole text, no special tokens, consecutive windows: what every comparison here uses.
ids = tokenizer(open(args.text, encoding="utf8").read(), add_special_tokens=False, verbose=False)["input_ids"]
windows = [ids[i * args.length:(i + 1) * args.length] for i in range(args.samples)]
data = Dataset.from_dict({"input_ids": windows, "attention_mask": [[1] * args.length for _ in windows]})


def grid(symmetric):
    weights = QuantizationArgs(num_bits=4, type="int", symmetric=symmetric, strategy="group", group_size=64)
    return {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}


def recipe():
    if args.method == "rtn":
        from llmcompressor.modifiers.quantization import QuantizationModifier
        return QuantizationModifier(config_groups=grid(True), ignore=["lm_head"])
    if args.method == "gptq":
        from llmcompressor.modifiers.quantization import GPTQModifier
        return GPTQModifier(config_groups=grid(True), ignore=["lm_head"])
    if args.method == "awq":
        from llmcompressor.modifiers.awq import AWQModifier
        try:
            return AWQModifier(config_groups=grid(False), ignore=["lm_head"])
        except Exception:
            from llmcompressor.modifiers.quantization import QuantizationModifier
            return [AWQModifier(), QuantizationModifier(config_groups=grid(False), ignore=["lm_head"])]
    if args.method == "sparsegpt":
        from llmcompressor.modifiers.pruning import SparseGPTModifier
        return SparseGPTModifier(sparsity=0.5, targets=["Linear"], ignore=["re:.*lm_head"])
    from llmcompressor.modifiers.pruning import WandaPruningModifier
    return WandaPruningModifier(sparsity=0.5, targets=["Linear"], ignore=["re:.*lm_head"])


needs_data = args.method != "rtn"
oneshot(model=model, recipe=recipe(), tokenizer=tokenizer, **(
    dict(dataset=data, num_calibration_samples=args.samples, max_seq_length=args.length, shuffle_calibration_samples=False)
    if needs_data else {}))
# Dense, so that both sides save the same kind of file.
model.save_pretrained(args.out, save_compressed=False) if args.method in ("rtn", "gptq", "awq") else model.save_pretrained(args.out)
tokenizer.save_pretrained(args.out)
usage = __import__("resource").getrusage(__import__("resource").RUSAGE_SELF)
json.dump({"method": args.method, "seconds": time.time() - started, "cpu": usage.ru_utime + usage.ru_stime,
           "rssMiB": usage.ru_maxrss / 1024, "threads": torch.get_num_threads()}, sys.stdout)
print()
