#!/usr/bin/env python3
"""Writes the C source that holds the API's description, all resources in one: embed.py OUTPUT RESOURCE.json..."""

import json
import pathlib
import sys

output, *files = map(pathlib.Path, sys.argv[1:])
whole = {'paths': {}, 'schemas': {}}
for file in sorted(files):
    part = json.loads(file.read_text(encoding='utf-8'))
    for kind, members in whole.items():
        twice = members.keys() & part[kind].keys()
        if twice:
            sys.exit(f'{file.name}: {", ".join(sorted(twice))} is described twice')
        members.update(part[kind])

text = json.dumps(whole, separators=(',', ':'), ensure_ascii=True)
escaped = [text[i : i + 100].replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?') for i in range(0, len(text), 100)]
lines = '\n'.join(f'    "{line}"' for line in escaped)
output.write_text(
    '#include "management/description.h"\n\n'
    f'const char management_description_text[] =\n{lines};\n'
    f'const size_t management_description_size = {len(text)};\n',
    encoding='utf-8',
)
