"""Damaged PTX, of which a test must notice every piece."""
import dataclasses
import re

ACCESS = re.compile(r"(?:@!?%\w+ )?(ld|st|cp\.async|ldmatrix)\.[\w.:]+")
ADDRESS = re.compile(r"\[([%$\w]+)(?:\+(-?\d+))?\]")


@dataclasses.dataclass
class Mutant:
    line: int  # counted from 1
    text: str  # of the line
    change: str
    ptx: str

    def __str__(self):
        return f"line {self.line}, {self.change}: {self.text}"


def _mutant(lines, number, change, text):
    return Mutant(number + 1, lines[number].strip(), change,
                  "\n".join(lines[:number] + [text] + lines[number + 1:]))


def _is_needless_group(lines, number):
    """Whether line `number` ends a group without copies that no later wait counts:
    after the end of another group comes no copy and no label, and what follows has no
    wait and no branch to what precedes."""
    for line in reversed(lines[:number]):
        if "cp.async.commit" in line:
            break
        if re.search(r"cp\.async\.c[ag]|^\$", line):
            return False
    labels = {line.rstrip(":") for line in lines[:number] if line.startswith("$")}
    return not any("cp.async.wait" in line or
                   (re.search(r"\bbra\b", line) and line.rstrip(";").split()[-1] in labels)
                   for line in lines[number:])


def without(ptx):
    """The code without one of its barriers, waits and ends of groups of copies.
    Every step of a loop over tiles ends a group, so that its waits can count them;
    where LLVM unrolled that loop, the group of its last step, which is empty, is known
    to be needless and left in."""
    lines = ptx.split("\n")
    for number, line in enumerate(lines):
        if "cp.async.commit" in line and _is_needless_group(lines, number):
            continue
        if re.search(r"\bbar\.sync|cp\.async\.(wait|commit)", line):
            yield _mutant(lines, number, "taken out", "")


def straight(ptx):
    """The code with one of its loads of matrices not transposed."""
    lines = ptx.split("\n")
    for number, line in enumerate(lines):
        if "ldmatrix" in line and ".trans" in line:
            yield _mutant(lines, number, "not transposed", line.replace(".trans", ""))


def get_access_bytes(instruction):
    """Bytes that a thread asks for: the least that an address can be wrong by, as
    all accesses are aligned to their size."""
    if instruction.startswith("ldmatrix"):
        return 16  # of a row
    if instruction.startswith("cp.async"):
        return int(re.search(r"\], (\d+)", instruction)[1])
    bits = int(re.search(r"\.[bfsu](\d+)\s", instruction)[1])
    vector = re.search(r"\.v(\d)", instruction)
    return bits // 8 * (int(vector[1]) if vector else 1)


def shifted(ptx):
    """The code with one address, of a load, a store, a copy (both of its addresses)
    or a load of matrices, further by the bytes of the access: one element, or what
    its alignment asks for."""
    lines = ptx.split("\n")
    for number, line in enumerate(lines):
        text = line.strip()
        if not ACCESS.match(text) or ".param" in text:
            continue
        for address in ADDRESS.finditer(line):
            offset = int(address[2] or 0) + get_access_bytes(text)
            moved = f"[{address[1]}+{offset}]"
            yield _mutant(lines, number, f"{address[0]} -> {moved}",
                          line[:address.start()] + moved + line[address.end():])
