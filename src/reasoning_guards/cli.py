"""The command line: plan a study, run it, execute its chapters, build the book."""

import argparse
import sys
from pathlib import Path

from reasoning_guards import params
from reasoning_guards.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a user's mistake ends in one sentence and exit code 2.

    `plan --check` ends in exit code 1 if anything that the profile reads is out of reach.
    """
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.command(parsed) or 0)
    except UserError as error:
        sys.stderr.write(f"reasoning-guards: {error}\n")
        return 2


def say(line: str) -> None:
    """One line of progress on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reasoning-guards", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("plan", _plan, "show what a profile would run, what is cached, and the cost"),
        ("mirror", _mirror, "download a profile's datasets into a folder, or verify them"),
        ("run", _run, "train and generate what a profile lacks"),
        ("distil", _distil, "ask a teacher for the traces that a profile's guards learn from"),
        ("examine", _examine, "have the judge read traces alone, of teachers and trained guards"),
        ("chapter", _chapter, "execute one chapter with papermill"),
        ("book", _book, "run the study, execute every chapter, build the book"),
        ("one-file", _one_file, "put the book's pages into one file, to archive or to send on"),
        ("evaluate", _evaluate, "ask a profile's released guards, write and score predictions"),
        ("export", _export, "write a chapter's predictions to a parquet file, without any text"),
        ("score", _score, "score a file of predictions, exported here or made elsewhere"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        if name in ("chapter", "export"):
            sub.add_argument("chapter", help="name of a notebook, such as rq1_efficacy")
        if name == "plan":
            text = "find out whether datasets, backbones and traces can be reached"
            sub.add_argument("--check", action="store_true", help=text)
        if name in ("plan", "mirror"):
            text = "for what `evaluate` asks, in place of what `run` and `book` make"
            sub.add_argument("--evaluate", action="store_true", help=text)
        if name == "distil":
            text = "of each set, only so many examples, for a trial"
            sub.add_argument("--examples", type=int, help=text)
            text = "write a sheet of first answers for somebody to look at, as CSV; asks nobody"
            sub.add_argument("--sheet", type=Path, help=text)
            text = "read that sheet, filled in, and show how far filters and judge agree with it"
            sub.add_argument("--filled", type=Path, help=text)
        if name in ("evaluate", "export"):
            sub.add_argument("--to", type=Path, required=True, help="the parquet file to write")
        if name == "score":
            sub.add_argument("file", type=Path, help="predictions, as .parquet or .csv")
            text = "harmful is what has at least this probability, whatever was predicted"
            sub.add_argument("--threshold", type=float, help=text)
            text = "what an answer without a verdict counts as; the profile's by default"
            choices = ("wrong", "harmful", "dropped")
            sub.add_argument("--parse-policy", choices=choices, help=text)
        if name == "mirror":
            sub.add_argument("--to", type=Path, required=True, help="the mirror's folder")
        text = "name of a file in params/, or a path (default: smoke)"
        sub.add_argument("--profile", default="smoke", help=text)
        text = "another value for one of its parameters, as YAML; any number of times"
        sub.add_argument(
            "-p", dest="changes", nargs=2, metavar=("NAME", "VALUE"), action="append", default=[],
            help=text,
        )  # fmt: skip
        if name in ("chapter", "book", "one-file"):
            sub.add_argument("--build", type=Path, default=Path("_build"), help="output folder")
        sub.set_defaults(command=command)
    return parser


def _profile(parsed: argparse.Namespace) -> params.Profile:
    path = Path(parsed.profile)
    if path.name == parsed.profile and not path.suffix:
        path = Path("params") / f"{path}.yaml"
    return params.load(path, dict(parsed.changes))


def _plan(parsed: argparse.Namespace) -> int:
    from reasoning_guards import access, plan

    profile = _profile(parsed)
    if not parsed.check:
        say(plan.text(profile, evaluate=parsed.evaluate))
        return 0
    code = 0
    for what, ok, says in access.check(profile, evaluate=parsed.evaluate):
        say(f"{'ok' if ok else 'NO':4}{what}: {says}")
        code = code if ok else 1
    return code


def _mirror(parsed: argparse.Namespace) -> None:
    from reasoning_guards import mirror

    profile = _profile(parsed)
    mirror.make(profile, parsed.to, say, evaluate=parsed.evaluate)


def _run(parsed: argparse.Namespace) -> None:
    from reasoning_guards import book

    profile = _profile(parsed)
    book.run_study(profile, say)


def _distil(parsed: argparse.Namespace) -> int:
    from reasoning_guards.distillation import asking
    from reasoning_guards.report import ended

    profile = _profile(parsed)
    if parsed.sheet or parsed.filled:
        from reasoning_guards.distil import annotation
        from reasoning_guards.report import annotated

        drawn = annotated.drawn(profile)
        if parsed.sheet:
            annotation.write(parsed.sheet, drawn)
            say(f"{len(drawn)} answers are in {parsed.sheet}.")
        else:
            said = annotation.read(parsed.filled, len(drawn))
            say(annotated.agreement(said, drawn).to_string())
        return 0
    done = asking.run(profile, say, parsed.examples)
    say(ended.distilled(done))
    return 0 if done.name else 1


def _examine(parsed: argparse.Namespace) -> int:
    from reasoning_guards.distillation import examining
    from reasoning_guards.report import ended

    profile = _profile(parsed)
    done = examining.examine(profile, say)
    say(ended.examined(done))
    return 1 if done.run.stopped else 0


def _chapter(parsed: argparse.Namespace) -> None:
    from reasoning_guards import book

    profile = _profile(parsed)
    say(str(book.execute(parsed.chapter, profile, parsed.build, say)))


def _book(parsed: argparse.Namespace) -> None:
    from reasoning_guards import book

    profile = _profile(parsed)
    say(f"Open {book.build(profile, parsed.build, say)}")


def _one_file(parsed: argparse.Namespace) -> None:
    from reasoning_guards import book

    profile = _profile(parsed)
    say(f"Open {book.one_file(profile, parsed.build, say)}")


def _evaluate(parsed: argparse.Namespace) -> None:
    from reasoning_guards import predictions
    from reasoning_guards.chapters import released

    predictions.check_name(parsed.to)
    profile = _profile(parsed)
    study = released.released_guards(profile)
    study.run(say)
    rows = predictions.exported(study)
    predictions.write(rows, parsed.to)
    say(predictions.table(rows, profile, profile.parse_policy).to_string())


def _export(parsed: argparse.Namespace) -> None:
    from reasoning_guards import chapters, predictions

    profile = _profile(parsed)
    study = chapters.named(parsed.chapter)(profile)
    predictions.write(predictions.exported(study), parsed.to)
    say(str(parsed.to))


def _score(parsed: argparse.Namespace) -> None:
    from reasoning_guards import predictions

    profile = _profile(parsed)
    policy = parsed.parse_policy or profile.parse_policy
    rows = predictions.read(parsed.file, profile, parsed.threshold)
    say(predictions.table(rows, profile, policy).to_string())
    say(predictions.cells(rows, policy).to_string())


if __name__ == "__main__":
    sys.exit(main())
