"""Continues token ids greedily with onnxruntime-genai: genai.py FOLDER IDS COUNT. Prints the new ids and the last logits as JSON."""
import json
import sys

import numpy as np
import onnxruntime_genai as og

folder, ids, count = sys.argv[1], [int(i) for i in sys.argv[2].split(",")], int(sys.argv[3])
model = og.Model(folder)
params = og.GeneratorParams(model)
params.set_search_options(max_length=len(ids) + count, do_sample=False)
generator = og.Generator(model, params)
generator.append_tokens(ids)
logits = np.array(generator.get_output("logits"))[0, -1].tolist()
while not generator.is_done() and len(generator.get_sequence(0)) < len(ids) + count:
    generator.generate_next_token()
print("RESULT " + json.dumps({"ids": [int(i) for i in generator.get_sequence(0)][len(ids):], "logits": logits}))
