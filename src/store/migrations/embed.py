#!/usr/bin/env python3
"""Writes the C source that holds the migrations: embed.py OUTPUT MIGRATION.sql..."""

import pathlib
import sys

output, *paths = map(pathlib.Path, sys.argv[1:])
entries = []
for number, path in enumerate(sorted(paths, key=lambda p: p.name), start=1):
    version, _, name = path.stem.partition('_')
    if int(version) != number:
        sys.exit(f'{path.name}: migrations are numbered without gaps, {number:03} is next')
    lines = path.read_text(encoding='utf-8').splitlines()
    literals = [
        '    "' + line.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?') + '\\n"\n' for line in lines
    ]
    entries.append(f'  {{{number}, "{name}",\n{"".join(literals)}  }},\n')
output.write_text(
    '#include "store/migrations.h"\n\n'
    f'const struct migration migrations[] = {{\n{"".join(entries)}}};\n'
    f'const size_t migrations_count = {len(entries)};\n',
    encoding='utf-8',
)
