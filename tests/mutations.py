"""Deliberate mistakes, each of which the suite must notice: `python tests/mutations.py`.

Each mutation changes one line of a copy of the package and runs the tests named with it there. It
prints which test caught which mistake, and fails if one went unnoticed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutation:
    """One mistake: what is done, where, and the tests that should notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation(
        "no step is too large for a card",
        "memory.py",
        "        return self.gib <= self.share * card",
        "        return True",
        "test_memory.py",
    ),
    Mutation(
        "a run does not ask whether its GPUs have room",
        "local.py",
        "            memory.require(need, gpus)",
        "            pass",
        "test_memory.py",
    ),
    Mutation(
        "a training's memory counts no gradients",
        "memory.py",
        '        "gradients": 4 * trained / gpus,\n',
        "",
        "test_memory.py",
    ),
    Mutation(
        "each of several GPUs is reckoned with the whole batch",
        "memory.py",
        "sft.batch_size // gpus)",
        "sft.batch_size)",
        "test_memory.py",
    ),
    Mutation(
        "the plan's check leaves out what values wait for",
        "access.py",
        "    made = with_needed(value for study in studies for value in study.values())",
        "    made = [value for study in studies for value in study.values()]",
        "test_memory.py",
    ),
    Mutation(
        "writing answers reads no keys and values",
        "costs.py",
        "    read = shape.weights(profile.precision) + rows * cache",
        "    read = shape.weights(profile.precision)",
        "test_costs.py",
    ),
    Mutation(
        "a training is computed without its backward pass",
        "costs.py",
        "    each = (4 if adapters else 6) + 2 * profile.gradient_checkpointing",
        "    each = 2",
        "test_costs.py",
    ),
    Mutation(
        "a tied output layer counts twice",
        "architectures.py",
        "        return self.of_head * (1 if self.tied else 2)",
        "        return self.of_head * 2",
        "test_memory.py",
    ),
    Mutation(
        "answers to one cell land in another that has an example of the same id",
        "generation.py",
        "                _write(*asked[id(request)], request, answers)",
        "                first = next(k for k, v in asked.items() if v[2].id == request.id)\n"
        "                _write(*asked[first], request, answers)",
        "test_generation.py",
    ),
    Mutation(
        "answers of guards that are asked otherwise are written as one guard's",
        "recipes.py",
        'value == other.model_copy(update={"cell": value.cell, "limit": value.limit})',
        "True",
        "test_scheduler.py",
    ),
    Mutation(
        "answers that are asked for alike are written cell by cell",
        "worker.py",
        "                builder.make_together(job.values, job.resources)",
        "                pass",
        "test_scheduler.py",
    ),
    Mutation(
        "a chapter is taken as it was executed, whatever guards were made since",
        "executed.py",
        '        *(f"{path} {_told(path)}" for path in _files(cache_folder())),\n',
        "",
        "test_executed.py",
    ),
    Mutation(
        "flipped label in what is learnt",
        "prompts.py",
        'harm, refusal = ("harmful", "unharmful"), ("refusal", "compliance")',
        'harm, refusal = ("unharmful", "harmful"), ("refusal", "compliance")',
        "test_prompts.py",
    ),
    Mutation(
        "response dropped from the prompt",
        "prompts.py",
        "        response=missing if example.response is None else example.response,",
        "        response=missing,",
        "test_prompts.py",
    ),
    Mutation(
        "policy dropped from the prompt",
        "prompts.py",
        "        taxonomy=example.policy.text,",
        '        taxonomy="",',
        "test_prompts.py",
    ),
    Mutation(
        "label leaked into the prompt",
        "prompts.py",
        "        prompt=example.prompt,\n        response=missing",
        '        prompt=f"{example.prompt} {example.prompt_harmful}",\n        response=missing',
        "test_prompts.py",
    ),
    Mutation(
        "training on all GPUs at once, which multiplies the batch",
        "devices.py",
        "        wanted = resources.gpus_per_training\n",
        "        wanted = len(visible)\n",
        "test_devices.py",
    ),
    Mutation(
        "devices that share a training multiply its batch",
        "training/sft.py",
        "sft.batch_size // (per_device * devices)",
        "sft.batch_size // per_device",
        "test_launch.py",
    ),
    Mutation(
        "weights that small steps are to change are in bfloat16",
        "training/sft.py",
        '"float32" if sft.lora_rank is None else sft.precision',
        "sft.precision",
        "test_lora.py",
    ),
    Mutation(
        "padding counts among the tokens of a window",
        "engines/transformers.py",
        "not has_windows(model)",
        "True",
        "test_decoding.py",
    ),
    Mutation(
        "what follows a prompt stays for what else may follow",
        "engines/cache.py",
        "    apart.layers = [copy(layer) for layer in cache.layers]\n",
        "",
        "test_decoding.py",
    ),
    Mutation(
        "positions of one head are masked as those of another",
        "engines/attention.py",
        ".repeat(1, 1, shared, 1)",
        ".repeat_interleave(shared, 2)",
        "test_decoding.py",
    ),
    Mutation(
        "nothing of a prompt is left that another begins with",
        "engines/transformers.py",
        "*(ids[:-1] for ids in prompts)",
        "*prompts",
        "test_decoding.py",
    ),
    Mutation(
        "loss on the prompt",
        "training/data.py",
        "[0] * len(prompt.ids)",
        "[1] * len(prompt.ids)",
        "test_training.py",
    ),
    Mutation(
        "end token not learnt",
        "training/data.py",
        "completion), tokenizer.eos_token_id]",
        "completion)]",
        "test_training.py",
    ),
    Mutation(
        "dual guard reasons on every example",
        "training/data.py",
        "if index in direct else lesson",
        "if index < 0 else lesson",
        "test_training.py",
    ),
    Mutation(
        "null world keeps its labels",
        "training/data.py",
        "[with_random_labels(example) for example in examples]\n    if recipe.traces is None:",
        "list(examples)\n    if recipe.traces is None:",
        "test_training.py",
    ),
    Mutation(
        "shuffled traces stay where they were",
        "traces/__init__.py",
        "moved[order[position - 1]] = traces[index]",
        "moved[index] = traces[index]",
        "test_traces.py",
    ),
    Mutation(
        "last verdict taken instead of first",
        "verdicts.py",
        "            first.setdefault(kind, value)",
        "            first[kind] = value",
        "test_verdicts.py",
    ),
    Mutation(
        "verdict read from the thinking",
        "verdicts.py",
        "    return None if thinking else [*outside, text[start:]]",
        "    return None if thinking else [text]",
        "test_verdicts.py",
    ),
    Mutation(
        "unparsable answers counted as unharmful",
        "scoring.py",
        "            instead = ~truth",
        "            instead = ~counted",
        "test_scoring.py",
    ),
    Mutation(
        "F1 of the wrong class",
        "scoring.py",
        '"tp": truth & predicted & counted,',
        '"tp": ~truth & ~predicted & counted,',
        "test_scoring.py",
    ),
    Mutation(
        "average over the wrong cells",
        "claims.py",
        "for cell in averages[average]]",
        "for cell in averages[average][:-1]]",
        "test_claims.py",
    ),
    Mutation(
        "claims' sign turned round",
        "decisions.py",
        "    if min(sides) == 1:",
        "    if min(sides) == -1:",
        "test_decisions.py",
    ),
    Mutation(
        "equivalence without its upper bound",
        "claims.py",
        "Region(low=-margin, high=margin, level=0.90)",
        "Region(low=-margin, level=0.90)",
        "test_claims.py test_decisions.py",
    ),
    Mutation(
        "unpaired bootstrap",
        "resampling.py",
        "    rng = np.random.default_rng(seed)",
        "    rng = np.random.default_rng()",
        "test_intervals.py",
    ),
    Mutation(
        "one random number for every prompt",
        "engines/__init__.py",
        'text = f"{decoding.seed}/{generation}/{self.id}"',
        'text = f"{decoding.seed}"',
        "test_engines.py",
    ),
    Mutation(
        "key blind to step versions",
        "artifacts.py",
        '    return {"kind": kind, "value": described, "versions": versions}',
        '    return {"kind": kind, "value": described, "versions": {}}',
        "test_artifacts.py",
    ),
    Mutation(
        "damage not noticed",
        "artifacts.py",
        "        if _sha256(path) != digest:",
        "        if False:",
        "test_artifacts.py",
    ),
    Mutation(
        "unknown parameter accepted",
        "params.py",
        "        if name not in Profile.model_fields:",
        "        if False:",
        "test_params.py",
    ),
    Mutation(
        "only the first category counts",
        "datasets/openai_moderation.py",
        "prompt_harmful=any(marks)",
        "prompt_harmful=bool(marks[0])",
        "test_datasets.py",
    ),
    Mutation(
        "power of a coin toss",
        "power/effects.py",
        "(critical + _NORMAL.inv_cdf(power)) * se",
        "critical * se",
        "test_power.py",
    ),
    Mutation(
        "one guard's training variance for two guards'",
        "power/variance.py",
        "2 * design.training_sd**2",
        "design.training_sd**2",
        "test_power.py",
    ),
    Mutation(
        "shared prompts forgotten in the standard error",
        "power/variance.py",
        "design.correlations.prompt * of_guards",
        "0 * of_guards",
        "test_power.py",
    ),
    Mutation(
        "a contrast set over another counts as added to it",
        "claims.py",
        "((self.contrast, 1), (self.over, -1))",
        "((self.contrast, 1), (self.over, 1))",
        "test_claims.py",
    ),
    Mutation(
        "a claim's two variants change places",
        "claims.yaml",
        "contrast: {treatment: r_5k, control: grpo}\n    average: safety",
        "contrast: {treatment: grpo, control: r_5k}\n    average: safety",
        "test_claims.py",
    ),
    Mutation(
        "a claim's two rows of the paper change places",
        "claims.yaml",
        "      treatment: L3.1-8B-WILDGUARDMIX-R (5k)\n      control: L3.1-8B-WILDGUARDMIX (NR)",
        "      treatment: L3.1-8B-WILDGUARDMIX (NR)\n      control: L3.1-8B-WILDGUARDMIX-R (5k)",
        "test_claims.py",
    ),
    Mutation(
        "a claim about other guards than the paper's sentence names",
        "claims.yaml",
        "contrast: {treatment: aegis_r_full, control: r_full}",
        "contrast: {treatment: aegis_r_5k, control: r_full}",
        "test_claims.py",
    ),
    Mutation(
        "the paper's difference forgets what it is over",
        "paper/printed.py",
        "(self.over.difference() if self.over else 0)",
        "0",
        "test_claims.py",
    ),
    Mutation(
        "eight cells beside a contrast of averages",
        "measuring.py",
        " if test.beyond is None else None\n    return",
        "\n    return",
        "test_decisions.py",
    ),
    Mutation(
        "parse failures granted whatever the variant's sign",
        "measuring.py",
        "if side * sign * weight > 0",
        "if side * weight > 0",
        "test_decisions.py",
    ),
    Mutation(
        "single cells bootstrapped",
        "measuring.py",
        "if len(weights) == 1 else bootstrap",
        "if not weights else bootstrap",
        "test_decisions.py",
    ),
    Mutation(
        "chance forgotten",
        "measuring.py",
        'if test.kind == "direction"\n',
        'if test.kind == "shape"\n',
        "test_decisions.py",
    ),
    Mutation(
        "seeds not asked",
        "decisions.py",
        "    trained = test.average is not None or seeds",
        "    trained = test.average is None and seeds",
        "test_decisions.py",
    ),
    Mutation(
        "a linear baseline fitted for each set",
        "baselines.py",
        "        alike.setdefault((value.taught, value.cell.task), [])",
        "        alike.setdefault((value, value.cell.task), [])",
        "test_baselines.py",
    ),
    Mutation(
        "logits of prompts and padding",
        "training/sft.py",
        "    with loss.of_learnt_tokens():",
        "    if True:",
        "test_training.py",
    ),
    Mutation(
        "seeds of a measure not asked",
        "decisions.py",
        "    trained = test.average is not None or seeds",
        "    trained = test.average is not None",
        "test_decisions.py",
    ),
    Mutation(
        "a measure's seeds taken apart by no guard",
        "ranking.py",
        "            for coefficient, mine in zip(coefficients, of_seed, strict=True)",
        "            for coefficient, mine in zip(coefficients[:1], of_seed, strict=False)",
        "test_ranking.py test_report_probabilities.py",
    ),
    Mutation(
        "recall of no seed",
        "report/hacking.py",
        "        intervals.seed_contrasts(pair, (1, -1), cells, policy, recall),\n",
        "",
        "test_report_hacking.py",
    ),
    Mutation(
        "reasons of a shape that failed",
        "decisions.py",
        "for test, each in pairs) == -1:",
        "for test, each in pairs) == -2:",
        "test_decisions.py",
    ),
    Mutation(
        "no threshold taken for an infinite one",
        "report/probabilities.py",
        "finite = cuts[np.isfinite(cuts)]",
        "finite = cuts",
        "test_report_probabilities.py",
    ),
    Mutation(
        "underpowered where the design would have been enough",
        "decisions.py",
        "and detectable > claimed",
        "and detectable < claimed",
        "test_decisions.py",
    ),
    Mutation(
        "the smallest p-value of several tests",
        "decisions.py",
        "p_value = max(test.region()",
        "p_value = min(test.region()",
        "test_decisions.py",
    ),
    Mutation(
        "Bonferroni in place of Holm",
        "hypotheses.py",
        "(len(p_values) - rank) * p_values[name]",
        "len(p_values) * p_values[name]",
        "test_hypotheses.py",
    ),
    Mutation(
        "one run enough to speak of training",
        "hypotheses.py",
        "if len(differences) > 1 else 0",
        "if differences else 0",
        "test_hypotheses.py",
    ),
    Mutation(
        "few clusters as sure as many",
        "intervals.py",
        "    reach = (n / (n - 1)) ** 0.5 * float(stdtrit(n - 1, (1 + level) / 2))",
        "    reach = NormalDist().inv_cdf((1 + level) / 2)",
        "test_intervals.py",
    ),
    Mutation(
        "the largest set says how far the ends are",
        "intervals.py",
        "    return min(int(",
        "    return max(int(",
        "test_intervals.py",
    ),
    Mutation(
        "a difference's limits from the wrong ends",
        "single_cells.py",
        "np.where(signs > 0, towards, away)",
        "np.where(signs > 0, away, towards)",
        "test_single_cells.py",
    ),
    Mutation(
        "two guards taken for strangers",
        "single_cells.py",
        "out=np.eye(len(scale)), where=scale > 0",
        "out=np.eye(len(scale)), where=scale < 0",
        "test_single_cells.py",
    ),
    Mutation(
        "generations counted as examples",
        "single_cells.py",
        ", most) if of_share > 0",
        ", 4 * most) if of_share > 0",
        "test_single_cells.py",
    ),
    Mutation(
        "one gain over another as sure as one gain",
        "power/effects.py",
        "count**2 for count in test",
        "abs(count) for count in test",
        "test_power.py",
    ),
    Mutation(
        "averages printed for the wrong rows",
        "audit/tables.py",
        '"difference": value - mean,',
        '"difference": mean - value,',
        "test_audit.py",
    ),
    Mutation(
        "rows without a twin",
        "audit/tables.py",
        '(2 * counted["equal"] > counted["shared"])',
        '(counted["equal"] > counted["shared"])',
        "test_audit.py",
    ),
    Mutation(
        "a tie is a fall",
        "audit/checks.py",
        "later > earlier for",
        "later >= earlier for",
        "test_audit.py",
    ),
    Mutation(
        "a sentence borne out in part is borne out",
        "audit/checks.py",
        "    if holds:",
        "    if holds or in_part:",
        "test_audit.py",
    ),
    Mutation(
        "what the printed average says of the cells",
        "audit/custom.py",
        "judged(min(cells.values()) > 0, in_part",
        "judged(min(printed.values()) > 0, in_part",
        "test_audit.py",
    ),
    Mutation(
        "the claims page runs what it lacks",
        "report/scorecard.py",
        "if study.has_answers(name)]",
        "]",
        "test_report_scorecard.py",
    ),
    Mutation(
        "a variant with one answer has them all",
        "study.py",
        "return all(artifacts.find(value)",
        "return any(artifacts.find(value)",
        "test_study.py",
    ),
    Mutation(
        "sentence budget off by one",
        "distil/filters.py",
        "len(sentences.split(candidate.trace)) > budget",
        "len(sentences.split(candidate.trace)) > budget + 1",
        "test_distil_filters.py",
    ),
    Mutation(
        "the last answer on disk counts, not the first",
        "distil/store.py",
        "self._places.setdefault(key, self._read_to)",
        "self._places[key] = self._read_to",
        "test_distil_store.py",
    ),
    Mutation(
        "the judge asked about what filters reject",
        "distil/attempts.py",
        "if not why and spec.judge is not None:",
        "if spec.judge is not None:",
        "test_distil_judge.py",
    ),
    Mutation(
        "the judge's yes taken for its no",
        "distil/judge.py",
        'line.endswith("no")',
        'line.endswith("yes")',
        "test_distil_judge.py",
    ),
    Mutation(
        "what a trace leaves open counts as agreement",
        "distil/quality.py",
        "said is None or said == other for said, other",
        "None in (said, other) or said == other for said, other",
        "test_examining.py",
    ),
    Mutation(
        "a guard's trace held against the label in place of its verdict",
        "distillation/gathering.py",
        "_alone(cell.task, verdict),",
        "_alone(cell.task, truth),",
        "test_examining.py",
    ),
    Mutation(
        "teachers compared on what any of them has a trace for",
        "distillation/examining.py",
        "set.intersection(*ids)",
        "set.union(*ids)",
        "test_examining.py",
    ),
    Mutation(
        "each answer of a cluster counts as a source of its own",
        "report/shares.py",
        "len({cluster for cluster, _ in rows})",
        "len(rows)",
        "test_examining.py",
    ),
    Mutation(
        "examples shown as they are",
        "report/distilled.py",
        "{escape(text)}</pre>",
        "{text}</pre>",
        "test_distilled.py",
    ),
    Mutation(
        "difficult examples without the easiest of them",
        "mining.py",
        "right[name] <= refinement.most",
        "right[name] < refinement.most",
        "test_mining.py",
    ),
    Mutation(
        "wrong answers preferred to right ones",
        "mining.py",
        "itertools.product(right, wrong)",
        "itertools.product(wrong, right)",
        "test_mining.py",
    ),
    Mutation(
        "a label's weight earned by the wrong verdict too",
        "training/rewards.py",
        "1.0 if said == label else -penalties[said]",
        "1.0 if said == label else penalties[said]",
        "test_rewards.py",
    ),
    Mutation(
        "misses penalised as false alarms, and these as misses",
        "training/rewards.py",
        "True: reward.false_positive,",
        "True: reward.false_negative,",
        "test_rewards.py",
    ),
    Mutation(
        "what cannot be read costs nothing",
        "training/rewards.py",
        "None: max(reward.false_positive, reward.false_negative),",
        "None: 0.0,",
        "test_rewards.py",
    ),
    Mutation(
        "the form is kept without reasoning",
        "training/rewards.py",
        'return is_reasoned(text) if reasons else found["reasoning"] is None',
        "return True",
        "test_rewards.py",
    ),
    Mutation(
        "row text put into pages as it is",
        "report/markup.py",
        "return escape(named)",
        "return named",
        "test_report_frames.py",
    ),
    Mutation(
        "a refined guard's start and mining forgotten",
        "recipes.py",
        "return [value.start, mining(value)] if value.refinement else []",
        "return []",
        "test_scheduler.py",
    ),
    Mutation(
        "a threshold that lets through more than its rate",
        "ranking.py",
        "thresholds[false <= rate + 1e-12]",
        "thresholds[false <= rate + 0.1]",
        "test_ranking.py",
    ),
    Mutation(
        "a remote script left in the pages",
        "finishing.py",
        '_THEBE.sub("", text)',
        "text",
        "test_staging.py",
    ),
    Mutation(
        "a chat template that asks for the date by its function is told today's",
        "chat.py",
        "strftime_now=DATE.strftime",
        "documents=None",
        "test_chat.py",
    ),
    Mutation(
        "thinking that the template begins is begun twice",
        "chat.py",
        '_THINKING_BEGUN.sub("", rendered',
        "str(rendered",
        "test_chat.py",
    ),
    Mutation(
        "an answer learnt with another end than the template's",
        "chat.py",
        "tokenizer.eos_token = turn_end(tokenizer)",
        "tokenizer.eos_token = str(tokenizer.eos_token)",
        "test_chat.py",
    ),
    Mutation(
        "the template's end not among an engine's ends",
        "chat.py",
        "tokenizer.convert_tokens_to_ids(turn_end(tokenizer)), *several",
        "*several",
        "test_chat.py",
    ),
    Mutation(
        "padding with the token that is learnt as the end",
        "chat.py",
        "taken = {tokenizer.eos_token, tokenizer.bos_token, None}",
        "taken = {tokenizer.bos_token, None}",
        "test_chat.py",
    ),
    Mutation(
        "special tokens in a trace become ends",
        "training/data.py",
        "*prompts.plain_tokens(tokenizer, completion)",
        '*tokenizer(completion, add_special_tokens=False)["input_ids"]',
        "test_chat.py",
    ),
    Mutation(
        "a model that sees is trained whole",
        "backbones.py",
        "if config is model.config:",
        "if config:",
        "test_chat.py",
    ),
    Mutation(
        "weights beside the decoder's left behind",
        "backbones.py",
        "    text.set_output_embeddings(model.get_output_embeddings())\n",
        "",
        "test_chat.py",
    ),
    Mutation(
        "a released guard's own way to call its template not followed",
        "chat.py",
        '{"add_generation_prompt": True, **options}',
        '{**options, "add_generation_prompt": True}',
        "test_guards.py",
    ),
    Mutation(
        "a model in a folder keeps its key when its files change",
        "backbones.py",
        "repr(stamps)",
        "repr(folder)",
        "test_backbones.py",
    ),
    Mutation(
        "adapters left out of their base's weights",
        "backbones.py",
        "    return model.merge_and_unload()",
        "    return model.unload()",
        "test_backbones.py",
    ),
    Mutation(
        "adapters that do not fit their base pass, and change nothing",
        "backbones.py",
        'warnings.filterwarnings("error", "Found missing adapter keys")',
        'warnings.filterwarnings("ignore", "Found missing adapter keys")',
        "test_backbones.py",
    ),
    Mutation(
        "adapters are loaded from a pickle",
        "backbones.py",
        "    if not (folder / _ADAPTED).is_file():",
        "    if False:",
        "test_backbones.py",
    ),
    Mutation(
        "of adapters, access to the base is not asked for",
        "access.py",
        "{_backbone(*base)}",
        "in its repository",
        "test_access.py",
    ),
    Mutation(
        "the second backbone is taken at the first one's revision",
        "chapters/second_backbone.py",
        "        backbone_revision=profile.second_backbone_revision,\n",
        "",
        "test_chapters.py",
    ),
    Mutation(
        "no timing where anything else has failed",
        "scheduler.py",
        "        failed = error  # of something that no timing may need",
        "        raise",
        "test_scheduler.py",
    ),
    Mutation(
        "a plan of evaluate is that of the chapters",
        "chapters/__init__.py",
        "    if evaluate:",
        "    if False:",
        "test_study.py",
    ),
    Mutation(
        "an own guard asked by another template than the profile's",
        "chapters/released.py",
        "template=profile.template",
        'template="paper"',
        "test_backbones.py",
    ),
    Mutation(
        "changes on the command line that change nothing",
        "cli.py",
        "dict(parsed.changes)",
        "{}",
        "test_cli.py",
    ),
    Mutation(
        "tables numbered as figures",
        "numbering.py",
        "name.startswith(PREFIX)",
        'name.startswith("figure-")',
        "test_numbering.py",
    ),
    Mutation(
        "a term linked wherever it stands",
        "terms.py",
        "if term not in used:",
        "if term:",
        "test_terms.py",
    ),
    Mutation(
        "terms linked in headings and boxes",
        "terms.py",
        "while above is not None and not isinstance(above, _APART):",
        "while above is not None:",
        "test_terms.py",
    ),
    Mutation(
        "every table's file called table.csv",
        "staging.py",
        'shown["text/html"] = frames.renamed(shown["text/html"], name)',
        "pass",
        "test_staging.py",
    ),
    Mutation(
        "RQ1 without the released guards",
        "chapters/efficacy.py",
        'if not name.startswith("null_")]',
        'if not name.startswith(("null_", "own_"))]',
        "test_backbones.py",
    ),
    Mutation(
        "the explorer shows texts of sets that may do harm",
        "report/explorer.py",
        "    embedded = each.cell.dataset in corpora.SETS",
        "    embedded = True",
        "test_report_explorer.py",
    ),
    Mutation(
        "the explorer takes whatever is called harmful for right",
        "report/explorer.py",
        "    elif said == harmful:",
        "    elif said:",
        "test_report_explorer.py",
    ),
    Mutation(
        "a star on what most rows of a table share",
        "report/frames.py",
        "    return places if 2 * len(places) <= len(numbers) else set()",
        "    return places",
        "test_report_frames.py",
    ),
    Mutation(
        "a link that leads to another page's place of that name in the one file",
        "onefile.py",
        """        link["href"] = f"#{place}--{str(link['href'])[1:]}\"""",
        """        link["href"] = str(link["href"])""",
        "test_onefile.py",
    ),
    Mutation(
        "formulas that only a remote script can set",
        "finishing.py",
        "        mended = _FORMULA.sub(_mathml, mended)",
        "",
        "test_staging.py",
    ),
)


def caught_by(mutation: Mutation) -> list[str]:
    """Names of the tests that fail with the mutation in place."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in (
            "src",
            "tests",
            "params",
            "notebooks",
            "book",
            "_static",
            "_toc.yml",
            "_config.yml",
            "CITATION.cff",
            "pyproject.toml",
            "CITATION.cff",
        ):
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part)
            else:
                shutil.copy(source, copy / part)
        target = copy / "src" / "reasoning_guards" / mutation.file
        text = target.read_text()
        if text.count(mutation.old) != 1:
            raise SystemExit(f"{mutation.name}: {mutation.old!r} is not once in {mutation.file}")
        target.write_text(text.replace(mutation.old, mutation.new))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
             "-m", "not slow and not vllm", *(f"tests/{test}" for test in mutation.tests.split())],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy / "src")},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    return [
        line.split(" - ")[0].removeprefix("FAILED tests/")
        for line in done.stdout.splitlines()
        if line.startswith(("FAILED", "ERROR"))
    ]


def main() -> int:
    """Run every mutation; 1 if any goes unnoticed."""
    unnoticed = 0
    for mutation in MUTATIONS:
        caught = caught_by(mutation)
        unnoticed += not caught
        print(f"{mutation.name}: {caught[0] if caught else 'UNNOTICED'}", flush=True)
    print(f"{len(MUTATIONS) - unnoticed} of {len(MUTATIONS)} mistakes noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
