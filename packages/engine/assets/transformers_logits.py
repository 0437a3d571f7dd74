"""What transformers computes with a Hugging Face folder, for `sinter verify`.

Reads a question (JSON, the file named by the first argument), writes the logits of its tokens as 32-bit floats, row after
row, and prints one line of JSON behind "@@" with the rest. Nothing is downloaded, and no code out of the folder is run.
"""

import importlib.util
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"


def say(line):
    print("\n@@" + json.dumps(line), flush=True)


def open_model(path):
    import torch
    from transformers import AutoModelForCausalLM

    model, info = AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    missing = sorted(info["missing_keys"])
    if missing:
        raise ValueError(f"{len(missing)} tensors are not in the folder, {missing[0]} is the first")
    return model.eval()


def tokens_of(path, text):
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except Exception:
        return None
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def answer(question):
    import torch

    model = open_model(question["path"])
    device = next(model.parameters()).device
    with torch.inference_mode():

        def logits(ids):
            return model(torch.tensor([ids], device=device)).logits[0].float()

        computed = logits(question["ids"])
        ids = list(question["prompt"])
        for _ in range(question["greedy"]):
            ids.append(int(logits(ids)[-1].argmax()))
    computed.cpu().contiguous().numpy().astype("<f4").tofile(question["logitsTo"])
    result = {"greedy": ids[len(question["prompt"]):]}
    tokenized = tokens_of(question["path"], question["text"]) if question["text"] is not None else None
    if tokenized is not None:
        result["tokenized"] = tokenized
    return result


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        question = json.load(file)
    missing = [name for name in question["modules"] if importlib.util.find_spec(name) is None]
    if missing:
        return say({"missing": missing})
    try:
        say(answer(question))
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"})


main()
