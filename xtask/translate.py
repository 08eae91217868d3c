"""Translates a SAM template into plain CloudFormation, offline.

    python xtask/translate.py template.yaml out.json

`sam validate` would ask AWS for managed policies and for credentials; the translator itself needs neither.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

from samtranslator.parser.parser import Parser
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies(ManagedPolicyLoader):
    """The template names no managed policy by its short name, so there is nothing to look up."""

    def __init__(self):
        super().__init__(iam_client=None)

    def load(self):
        return {}


def translate(template, region):
    # The translator only takes code that is already uploaded; the build folder stands for it here.
    places = [template.get("Globals", {}).get("Function", {})]
    places += [r.get("Properties", {}) for r in template["Resources"].values() if r["Type"].startswith("AWS::Serverless::")]
    for properties in places:
        for key in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(key), str):
                properties[key] = "s3://bucket/key"

    class Session:
        """Stands in for a boto3 session, of which only the region is read."""

        region_name = region

    policies = NoManagedPolicies()
    translator = Translator(policies.load(), Parser(), boto_session=Session())
    return translator.translate(template, parameter_values={})


def main():
    source, target = sys.argv[1:3]
    with open(source) as file:
        template = yaml_parse(file.read())
    result = translate(template, os.environ["AWS_DEFAULT_REGION"])
    with open(target, "w") as file:
        json.dump(result, file, indent=1, default=str)
    print(f"  {source}: {len(template['Resources'])} resources become {len(result['Resources'])}")


if __name__ == "__main__":
    main()
