#!/usr/bin/env python3
"""Writes the C source that holds the rule templates: embed_templates.py OUTPUT TEMPLATE.js..."""

import pathlib
import re
import sys


def literal(text):
    lines = text.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?').split('\n')
    return '\n'.join(f'         "{line}\\n"' for line in lines[:-1])


output, *files = map(pathlib.Path, sys.argv[1:])
entries = []
for file in sorted(files):
    head, script = re.fullmatch(r'/\*\*\n(.*?) \*/\n(.*)', file.read_text(encoding='utf-8'), re.DOTALL).groups()
    told = dict(re.findall(r'@(\w+) (.+)', head))
    if told.keys() != {'title', 'category', 'description'}:
        sys.exit(f'{file.name}: needs @title, @category and @description')
    told = {name: text.replace('"', '\\"') for name, text in told.items()}
    entries.append(
        f'    {{.id = "{file.stem}",\n     .title = "{told["title"]}",\n     .category = "{told["category"]}",\n'
        f'     .description = "{told["description"]}",\n     .script =\n{literal(script)}    }},\n'
    )
output.write_text(
    '#include "rules/templates.h"\n\nconst struct rule_template rule_templates[] = {\n'
    + ''.join(entries)
    + f'}};\nconst size_t rule_templates_count = {len(entries)};\n',
    encoding='utf-8',
)
