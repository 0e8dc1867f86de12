#!/bin/sh
# manual.sh LAG FILE.md ...: the examples of the manuals are what lag does. A block ```lag is carried out as it stands, and goes
# well and without a message; one ```lag NAME is in a file of that name, and gets the messages of the block ```text behind it.
exec python3 - "$@" <<'END'
import os, re, subprocess, sys, tempfile

lag, manuals = os.path.abspath(sys.argv[1]), [os.path.abspath(name) for name in sys.argv[2:]]
failed = run = 0
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for manual in manuals:
        text = open(manual, encoding="utf-8").read()
        for match in re.finditer(r"^```lag(?: (\S+))?\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", text, re.M | re.S):
            name, statements, messages = match.groups()
            with open(name or "example.lag", "w", encoding="utf-8") as out:
                out.write(statements)
            done = subprocess.run([lag, "--quiet", name or "example.lag"], capture_output=True, text=True, timeout=300)
            expected = messages if name else ""
            run += 1
            if done.stderr != expected or done.returncode != (1 if expected else 0):
                failed += 1
                line = text.count("\n", 0, match.start()) + 1
                print(f"FAILED: {manual}:{line}: exit status {done.returncode}\n{done.stderr}")
print(f"{run} examples, {failed} failed")
sys.exit(failed > 0 or run < 5)
END
