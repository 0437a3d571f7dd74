"""Records a run of AdaLoRA in PEFT, for packages/lowrank/test: adalora-trajectory.py TEACHER GIVEN.safetensors OUT.safetensors

GIVEN brings input_ids [10, 2, 16], gone through three times. Ranks 4 to 2 on every linear of the blocks, alpha 8, warm-up 5,
final 8, an allocation every 2 steps; AdamW at 0.01 without decay, gradients clipped to 1, in f64.
"""
import sys

import torch
from peft import AdaLoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(1)
STEPS = 30
ids = load_file(sys.argv[2])["input_ids"].long()
base = LlamaForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float64, attn_implementation="eager")
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
config = AdaLoraConfig(
    task_type="CAUSAL_LM", init_r=4, target_r=2, lora_alpha=8, tinit=5, tfinal=8, deltaT=2, total_step=STEPS,
    beta1=0.85, beta2=0.85, orth_reg_weight=0.5, lora_dropout=0.0, target_modules=targets,
)
model = get_peft_model(base, config).double()
for name, parameter in model.named_parameters():
    if "lora_A" in name or "lora_B" in name:
        # Doubles that a file of f32 gives back as they are.
        parameter.data = (0.02 * torch.randn_like(parameter)).float().double()
    # PEFT 0.21 leaves the divisor of alpha trainable.
    if "ranknum" in name:
        parameter.requires_grad_(False)
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.0)


def factors(prefix):
    # base_model.model.LAYER.lora_A.default
    return {f"{prefix}.{name[17:-8]}": p.detach().float().clone() for name, p in model.named_parameters() if "lora_" in name}


out = {"input_ids": ids.int(), **factors("init")}
losses, norms, ranks = [], [], []
for step in range(STEPS):
    batch = ids[step % 10]
    loss = model(batch, labels=batch).loss
    optimizer.zero_grad()
    loss.backward()
    norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
    losses.append(loss.item())
    optimizer.step()
    model.base_model.update_and_allocate(step + 1)
    ranks.append([int((p != 0).sum()) for name, p in model.named_parameters() if "lora_E" in name])
out |= factors("final")
out["losses"] = torch.tensor(losses, dtype=torch.float64)
out["grad_norms"] = torch.tensor(norms, dtype=torch.float64)
out["ranks"] = torch.tensor(ranks, dtype=torch.int32)
save_file({k: v.contiguous() for k, v in out.items()}, sys.argv[3])
print(losses[-1], sum(ranks[-1]))
