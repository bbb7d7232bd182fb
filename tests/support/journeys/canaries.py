"""A step of each kind with a canary in its names, literals, expressions, data and errors.

CANARY and URL stand for the canary and for the service's address; the input is `{secret: CANARY}`.
"""

CALLS = {"call grpc", "call asyncapi", "call subscription"}  # the service speaks HTTP: they fail
FAILING = {"raise", *CALLS}

CASES = {
    "set": "set: {CANARY: '${ .secret }', literal: CANARY-literal}",
    "switch": """switch:
        - CANARY-case: {when: '${ .secret == "CANARY" }', then: continue}
        - other: {then: end}""",
    "for": """for: {each: CANARY, in: '${ [.secret, "CANARY"] }'}
      do:
        - CANARY-round: {set: {all: '${ (.all // []) + [$CANARY] }'}}""",
    "do": """do:
        - CANARY-inner: {set: {x: '${ .secret }'}, output: {as: '${ {CANARY: .x} }'}}
        - CANARY-export: {set: {y: '${ .CANARY }'}, export: {as: '${ {CANARY: .y} }'}}
        - CANARY-use: {set: {z: '${ $context.CANARY }'}}""",
    "try": """try:
        - CANARY-throw:
            raise: {error: {type: 'https://CANARY.org', status: 400, title: CANARY-title}}
      catch:
        as: CANARY
        do:
          - note: {set: {seen: '${ $CANARY.title }'}}""",
    "raise": "raise: {error: {type: 'https://CANARY.org', status: 400, detail: '${ .secret }'}}",
    "wait": "wait: {milliseconds: 5}",
    "call": """call: http
      with: {method: post, endpoint: 'URL/CANARY', headers: {x-own: CANARY}, body: '${ . }'}""",
    "call grpc": """call: grpc
      with:
        proto: {endpoint: 'URL/CANARY'}
        service: {name: CANARY, host: CANARY.org, authentication: {bearer: {token: '${ .secret }'}}}
        method: CANARY
        arguments: {CANARY: '${ .secret }'}""",
    "call asyncapi": """call: asyncapi
      with:
        document: {endpoint: 'URL/CANARY'}
        operation: CANARY
        server: {name: CANARY, variables: {CANARY: '${ .secret }'}}
        message: {payload: {CANARY: '${ .secret }'}}""",
    "call subscription": """call: asyncapi
      with:
        document: {endpoint: 'URL/CANARY'}
        channel: CANARY
        authentication: {basic: {username: CANARY, password: '${ .secret }'}}
        subscription: {filter: '${ . == "CANARY" }', consume: {amount: 1}}""",
    "fork": """fork:
        branches:
          - CANARY-one: {set: {x: '${ .secret }'}}
          - CANARY-two: {wait: {milliseconds: 5}}""",
    "emit": """emit:
        event: {with: {type: org.CANARY, source: 'https://CANARY.org', data: '${ . }'}}""",
    "run": """run:
        workflow:
          {namespace: CANARY, name: CANARY, version: '1.0.0', input: {CANARY: '${ .secret }'}}""",
    "listen": """fork:
        compete: true
        branches:
          - CANARY-listens:
              listen: {to: {one: {with: {type: org.CANARY, subject: '${ .secret }'}}}}
          - CANARY-passes: {wait: {milliseconds: 50}}""",
}


def other(canary: str) -> str:
    """Return the workflow that `run` runs."""
    head = "document: {dsl: '1.0.3', namespace: CANARY, name: CANARY, version: '1.0.0'}\n"
    return (head + "do: [{CANARY: {set: {x: '${ .CANARY }'}}}]\n").replace("CANARY", canary)


def document(kind: str, canary: str, url: str) -> str:
    """Return a workflow of one step of the kind."""
    head = "document: {dsl: '1.0.3', namespace: tests, name: canary, version: '1.0.0'}\n"
    step = f"do:\n  - CANARY-step:\n      {CASES[kind]}\n"
    return head + step.replace("CANARY", canary).replace("URL", url)
