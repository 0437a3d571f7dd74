"""PyTorch's side of train-speed.ts: torch-training.py MODEL lora|kd TEXT STEPS. Prints each step's loss, tokens/s and peak memory."""
import copy, resource, sys, time
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

torch.set_num_threads(2)
path, mode, text, steps = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
model = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
tokens = AutoTokenizer.from_pretrained(path)(open(text).read()[:100_000], add_special_tokens=False)["input_ids"]
ids = torch.tensor(tokens)
BATCH, LENGTH = 4, 512


def adapters():
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    trained = []

    def attach(module):
        a = torch.nn.Parameter(torch.randn(16, module.in_features) / module.in_features**0.5)
        b = torch.nn.Parameter(torch.zeros(module.out_features, 16))
        trained.extend([a, b])
        plain = module.forward
        module.forward = lambda x: plain(x) + 2 * (x @ a.T) @ b.T

    for module in model.model.modules():
        if isinstance(module, torch.nn.Linear):
            attach(module)
    return trained, lambda x: model(x, labels=x).loss


def student():
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = 4
    small = LlamaForCausalLM(config)
    kept = {k: v for k, v in model.state_dict().items() if not k.startswith("model.layers.") or int(k.split(".")[2]) < 4}
    small.load_state_dict(kept)
    small.tie_weights()

    def loss(x):
        with torch.no_grad():
            p = model(x).logits[:, :-1].log_softmax(-1)
        q = small(x).logits[:, :-1].log_softmax(-1)
        return (p.exp() * (p - q)).sum(-1).mean()

    return list(small.parameters()), loss


trained, loss_of = adapters() if mode == "lora" else student()
optimizer = torch.optim.AdamW(trained, lr=1e-4)
for step in range(steps):
    started = time.time()
    x = ids[step * BATCH * LENGTH : (step + 1) * BATCH * LENGTH].view(BATCH, LENGTH)
    loss = loss_of(x)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    rate = BATCH * LENGTH / (time.time() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"step {step + 1} loss {loss.item():.5f}, {rate:.1f} tokens/s, peak {peak} MiB", flush=True)
