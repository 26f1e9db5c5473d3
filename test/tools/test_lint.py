"""Every rule of the lint fails on a file that breaks it, and only there."""
import pytest

import lint

CLEAN = [
    ("passes/Memory/PlanMemory.cpp", '#include "dialects/Exec/Exec.h"\n'
                                     '#include "runtime/Plan/Planner.h"\n'),
    ("lib/Target/Cpu.cpp", '#include "runtime/ModuleAbi.h"\n'),
    ("runtime/Session.cpp", '#include "cinch/runtime.h"\n#include <vector>\n'),
    ("tools/cinch-run/main.cpp", '#include "cinch/runtime.h"\n'),
    ("test/passes/x.mlir", "// RUN: cinch-opt %s | FileCheck %s\n"
                           "// CHECK-LABEL: @f\n// CHECK-NEXT: add\n// CHECK: mul\n"
                           "// CHECK-COUNT-2: sub\n// CHECK{LITERAL}: [[\n"),
    ("test/passes/y.mlir", "// RUN: FileCheck %s --check-prefixes=FUSED,BOTH\n"
                           "// FUSED-NOT: a\n// BOTH: b\n"),
    ("lib/Import/A.cpp", "// TODO(#12): sequences\n"),
    ("tools/a.sh", "curl https://example.org\n"),
    ("dialects/Graph/A.td", "def A;\n" * 400),
]

BROKEN = [
    ("dialects/Graph/A.cpp", '#include "passes/Common/Shapes.h"\n', "may not include"),
    ("dialects/Graph/A.cpp", '#include "lib/Import/A.h"\n', "may not include"),
    ("passes/Memory/A.cpp", '#include "lib/Target/A.h"\n', "may not include"),
    ("passes/Memory/A.cpp", '#include "runtime/ModuleAbi.h"\n', "may not include"),
    ("passes/Memory/A.cpp", '#include "mlir/Dialect/Linalg/IR/Linalg.h"\n',
     "may not include"),
    ("lib/Target/A.cpp", '#include "tools/cinch-opt/A.h"\n', "may not include"),
    ("lib/Target/A.cpp", '#include "runtime/Session.h"\n', "may not include"),
    ("runtime/Session.cpp", '#include "mlir/IR/Builders.h"\n', "may not include"),
    ("runtime/Session.cpp", '#include "dialects/Exec/Exec.h"\n', "may not include"),
    ("runtime/Plan/A.cpp", '#include "runtime/Session.h"\n', "may not include"),
    ("include/cinch/runtime.h", '#include "runtime/Session.h"\n', "may not include"),
    ("lib/Target/A.cpp", '#include "../Import/A.h"\n', "from the root"),
    ("test/a.mlir", "// CHECK-SAMEL: a\n", "does not know `CHECK-SAMEL`"),
    ("test/a.mlir", "// CHECK-NXT: a\n", "does not know `CHECK-NXT`"),
    ("test/a.mlir", "// CHECK_NEXT: a\n", "does not know `CHECK_NEXT`"),
    ("test/a.mlir", "// CHECKNOT: a\n", "does not know `CHECKNOT`"),
    ("test/a.mlir", "// CHECK-NEXT a\n", "without a colon"),
    ("test/a.mlir", "// CHECK a\n", "without a colon"),
    ("test/a.mlir", "// FUSED-CHECK: a\n", "does not know `FUSED-CHECK`"),
    ("test/a.mlir", "// RUN: FileCheck %s --check-prefix=A1\n// A1-NEX: a\n",
     "does not know `A1-NEX`"),
    ("test/a.mlir", "// RUN: FileCheck %s --check-prefix=A1\n// A1-NEXT a\n",
     "without a colon"),
    ("lib/a.cpp", "int a; \n", "trailing blanks"),
    ("lib/a.cpp", "\tint a;\n", "tab"),
    ("lib/a.cpp", "int a;\r\n", "trailing blanks"),
    ("lib/a.cpp", "int a;", "no newline"),
    ("lib/a.cpp", "int a;\n\n", "empty line at the end"),
    ("lib/a.cpp", "int a;\n" * 401, "401 lines"),
    ("dialects/a.td", "def A;\n" * 401, "401 lines"),
    ("lib/a.cpp", "// TODO: later\n", "TODO(#issue)"),
    ("lib/a.cpp", "// TODO(me): later\n", "TODO(#issue)"),
    ("lib/a.cpp", "// FIXME\n", "TODO(#issue)"),
    ("docs/a.md", "see /home/someone/models\n", "path of one machine"),
    ("tools/a.sh", "curl http://example.org\n", "without TLS"),
]


@pytest.mark.parametrize("path, text", CLEAN)
def test_accepts(path, text):
    assert list(lint.check_file(path, text)) == []


@pytest.mark.parametrize("path, text, message", BROKEN)
def test_refuses(path, text, message):
    found = [m for _, m in lint.check_file(path, text)]
    assert len(found) == 1 and message in found[0], found


def test_says_where():
    assert list(lint.check_file("lib/a.cpp", "int a;\nint b; \n")) == [
        (2, "trailing blanks")]


def test_exit_status(monkeypatch, tmp_path, capsys):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.cpp").write_text("int a; \n")
    monkeypatch.setattr(lint, "ROOT", str(tmp_path))
    assert lint.main([str(tmp_path / "lib" / "a.cpp")]) == 1
    assert "lib/a.cpp:1: trailing blanks" in capsys.readouterr().out
    (tmp_path / "lib" / "a.cpp").write_text("int a;\n")
    assert lint.main([str(tmp_path / "lib" / "a.cpp")]) == 0
