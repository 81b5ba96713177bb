/** A module in Python from a definition. */
import type { Json } from '../core/declaration.ts';
import type { Definition } from './definition.ts';
import { literal, PYTHON } from './literal.ts';
import { changesOf, type Step, sampleConfig, stepsOf } from './steps.ts';

export function pythonModule({ declaration }: Definition): string {
  const steps = named(stepsOf(declaration));
  const functions = steps.map(({ name, example, called }) => {
    const call = `unwritten(task, ${PYTHON.string(name)}, ${literal(example, PYTHON, 1)})`;
    return `def ${called}(task):\n    return ${call}\n`;
  });
  return `#!/usr/bin/env python3
"""What this module is: what it declares, and what it does."""

import json

import kraken
from kraken import Failure

VERSION = "0.1.0"

DECLARATION = ${literal(declaration as unknown as Json, PYTHON, 0)}


def unwritten(task, step, example):
    """Stands where a step is to be written: it fails, is not tried again, and tells people what is missing."""
    todo = "write it in module.py: act, look, and return what you see, such as"
    raise Failure("Terminal", f"{step} of {task.node['id']} is not written yet; {todo} {json.dumps(example, ensure_ascii=False)}")


# Each handler returns what it then sees of the node, by path: seen, never assumed. An exception is a failed attempt; a Failure says more.


${functions.join('\n\n')}

class Module:
    version = VERSION
    declaration = DECLARATION
    mutations = ${table(steps, 'mutation')}
    pollers = ${table(steps, 'poller')}


if __name__ == "__main__":
    kraken.serve(Module)
`;
}

interface Named extends Step {
  /** Its function. */
  readonly called: string;
}

/** \`powerOn\` → \`run_power_on\`; never twice the same. */
function named(steps: readonly Step[]): readonly Named[] {
  const taken = new Set<string>();
  return steps.map((step) => {
    const snake = step.name
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll(/[^A-Za-z0-9]+/g, '_')
      .toLowerCase();
    const base = `${step.kind === 'mutation' ? 'run' : 'poll'}_${snake}`;
    let called = base;
    for (let count = 2; taken.has(called); count++) called = `${base}_${count}`;
    taken.add(called);
    return { ...step, called };
  });
}

function table(steps: readonly Named[], kind: Step['kind']): string {
  const rows = steps.filter((step) => step.kind === kind).map(({ name, called }) => `        ${PYTHON.string(name)}: ${called},\n`);
  return rows.length === 0 ? '{}' : `{\n${rows.join('')}    }`;
}

export function pythonTest({ declaration }: Definition): string {
  const steps = stepsOf(declaration).map(({ kind, name }) => [kind, name]);
  return `"""What this module declares, and what is still to be written: python3 -m unittest"""

import json
import os
import unittest

from fake_host import Host
from module import Module

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = ${literal(sampleConfig(declaration), PYTHON, 0)}
CHANGES = ${literal(changesOf(declaration), PYTHON, 0)}
# When you have written a step, take it out of here, and test what it observes.
UNWRITTEN = ${literal(steps, PYTHON, 0)}


class Declared(unittest.TestCase):
    def test_it_declares_what_its_definition_says(self):
        mutations = Host(Module, CONFIG).opened["declaration"].get("mutations", {})
        self.assertEqual({name: entry["mutates"] for name, entry in mutations.items()}, CHANGES)

    def test_the_version_is_that_of_the_package(self):
        with open(os.path.join(HERE, "module.json"), encoding="utf-8") as file:
            self.assertEqual(Module.version, json.load(file)["version"])


class Unwritten(unittest.TestCase):
    def test_a_step_that_is_not_written_yet_says_what_is_missing(self):
        for kind, name in UNWRITTEN:
            with self.subTest(kind=kind, name=name):
                result = Host(Module, CONFIG).step(kind, name, ["n1"])["result"]
                self.assertEqual((result["observed"], result["failed"][0]["error"]["code"]), ([], -32006))
                self.assertIn("is not written yet", result["failed"][0]["error"]["message"])
`;
}
