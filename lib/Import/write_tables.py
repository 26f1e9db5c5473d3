"""Writes the ONNX operator schemas and function bodies of the installed `onnx`
package as a C++ source: write_tables.py OUT.cpp

`cinchOnnxSchemas`: text, one record per schema version of the default domain:
    O name since deprecated min_in max_in min_out max_out
    I name single|optional|variadic homogeneous type     (one per formal input)
    A name kind required                                 (one per attribute)
    T name type,type,...                                 (one per type variable)
`cinchOnnxFunctions`: a serialized ModelProto whose functions are the bodies of
the standard's function operators; `overload` holds the since-version, and an
opset version after `@` where the body depends on it.
"""
import sys

import onnx
from onnx import defs


def schema_text():
    lines = [f"V {defs.onnx_opset_version()}"]
    for schema in defs.get_all_schemas_with_history():
        if schema.domain:
            continue
        lines.append(f"O {schema.name} {schema.since_version} {int(schema.deprecated)} "
                     f"{schema.min_input} {schema.max_input} {schema.min_output} {schema.max_output}")
        for formal in schema.inputs:
            kind = formal.option.name.lower()
            lines.append(f"I {formal.name} {kind} {int(formal.is_homogeneous)} {formal.type_str.replace(' ', '')}")
        for name, attribute in sorted(schema.attributes.items()):
            lines.append(f"A {name} {int(attribute.type.value)} {int(attribute.required)}")
        for constraint in schema.type_constraints:
            allowed = ",".join(sorted(t.replace(" ", "") for t in constraint.allowed_type_strs))
            lines.append(f"T {constraint.type_param_str} {allowed}")
    return "\n".join(lines) + "\n"


def function_model():
    model = onnx.ModelProto()
    model.ir_version = onnx.IR_VERSION
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.name, s.since_version)):
        if schema.domain or not schema.has_function:
            continue
        for version in sorted(schema.function_opset_versions):
            function = onnx.FunctionProto()
            function.ParseFromString(schema.get_function_with_opset_version(version))
            function.overload = f"{schema.since_version}@{version}"
            function.doc_string = ""
            for name in list(function.attribute):  # give the schema's defaults
                default = schema.attributes[name].default_value
                if default.type:
                    function.attribute.remove(name)
                    function.attribute_proto.append(default)
            model.functions.append(function)
    return model.SerializeToString(deterministic=True)


def literal(name, data):
    """An array of bytes, as string literals of one line each."""
    rows = [data[i:i + 64] for i in range(0, len(data), 64)]
    text = "\n".join('    "' + "".join(f"\\{byte:03o}" for byte in row) + '"' for row in rows)
    return (f"extern const char {name}[];\nextern const unsigned long {name}Size;\n"
            f"const char {name}[] =\n{text};\nconst unsigned long {name}Size = {len(data)};\n")


def main():
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(literal("cinchOnnxSchemas", schema_text().encode()))
        out.write(literal("cinchOnnxFunctions", function_model()))


if __name__ == "__main__":
    main()
