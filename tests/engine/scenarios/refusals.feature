Feature: Refusals
  # DSL, "Interoperability": what a runtime cannot do it says, before anything is run.
  Scenario: A process of the machine's own is refused where it stands
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-runs, version: '1.0.0' }
    do:
      - shell: { run: { shell: { command: 'echo here' } } }
      - within: { do: [ { script: { run: { script: { language: js, code: '1' }, await: false } } } ] }
      - box: { run: { container: { image: alpine } } }
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - pointer: /do/0/shell/run/shell
      detail: "a shell command is not run here: workers are shared between accounts, and nothing confines a stranger's process; call a service of your own instead"
    - pointer: /do/1/within/do/0/script/run/script
      detail: "a script is not run here: workers are shared between accounts, and nothing confines a stranger's code; expressions (jq) shape data"
    - pointer: /do/2/box/run/container
      detail: "a container is not run here: workers are shared between accounts, and nothing confines a stranger's image; call a service of your own instead"
    """

  # DSL reference, "Call": what is neither a protocol nor a function of the document is nothing to call.
  Scenario: A slip of the pen is met with the word that was meant
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-slips, version: '1.0.0' }
    do:
      - one: { set: { a: 1 }, thne: end }
      - two: { forr: { in: '.', each: x }, do: [ { s: { set: { a: 1 } } } ] }
      - three: { set: { a: 1 }, then: tow }
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/one/thne, detail: 'unknown property; did you mean then?' }
    - { pointer: /do/1/two/forr, detail: 'unknown property; did you mean for?' }
    - { pointer: /do/2/three/then, detail: 'leads to no step of the same list; did you mean two?' }
    """

  # DSL reference, "Use": a component that nothing declares cannot be used.
  Scenario: A name that nothing has is refused with the nearest that something has
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-names, version: '1.0.0' }
    use: { errors: { notFound: { type: 'https://example.org/errors/not-found', status: 404 } } }
    do: [ { s: { raise: { error: notfound } } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/s/raise/error, detail: 'use.errors has no such name; did you mean notFound?' }
    """

  # DSL, "Error handling": what cannot be run is an error of configuration.
  Scenario: What is refused and executed all the same fails where it stands
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-unchecked, version: '1.0.0' }
    do:
      - before: { set: { a: 1 } }
      - shell: { run: { shell: { command: 'echo here' } } }
    """
    When the workflow is executed unchecked
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/1/shell/run/shell
    """

  # DSL reference, "Task": a step is told from others by the one key that says what it does.
  Scenario: A step that does two things does neither
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-two, version: '1.0.0' }
    do: [ { s: { set: { a: 1 }, wait: PT1S } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/s/wait, detail: 'a step does one thing, and this one already has set' }
    """

  # DSL reference, "Use": whatever is named must be there.
  Scenario: Every kind of reusable component is looked for where it is named
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-uses, version: '1.0.0' }
    use:
      authentications: { mine: { bearer: { token: a } } }
      retries: { calm: { delay: PT1S } }
      timeouts: { short: { after: PT1S } }
      secrets: [ key ]
    do:
      - one: { call: http, with: { method: get, endpoint: { uri: https://example.org, authentication: { use: min } } } }
      - two: { try: [ { s: { set: { a: 1 } } } ], catch: { retry: clam } }
      - three: { set: { a: 1 }, timeout: shrt }
      - four: { raise: { error: none } }
      - five: { call: 'nothing' }
      - six: { set: { a: '${ $secrets.kye }' } }
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/one/with/endpoint/authentication/use, detail: 'use.authentications has no such name; did you mean mine?' }
    - { pointer: /do/1/two/catch/retry, detail: 'use.retries has no such name; did you mean calm?' }
    - { pointer: /do/2/three/timeout, detail: 'use.timeouts has no such name; did you mean short?' }
    - { pointer: /do/3/four/raise/error, detail: use.errors has no such name }
    - { pointer: /do/4/five/call, detail: 'use.functions has no such name, and it is neither name:version@catalog nor an address' }
    - { pointer: /do/5/six/set/a, detail: 'use.secrets has no such name; did you mean key?' }
    """

  # DSL reference, "Use": what is declared is checked where it stands, named or not.
  Scenario: Every kind of reusable component is checked where it is declared
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-declared, version: '1.0.0' }
    use:
      authentications: { a: { basic: { username: u } } }
      errors: { b: { type: t, status: true } }
      retries: { c: { dely: PT1S } }
      timeouts: { d: { afer: PT1S } }
      functions: { e: { wiat: PT1S } }
      catalogs: { f: { endpont: 'https://example.org' } }
      secrets: [ 'a b' ]
      extensions: [ { g: { extend: cal, before: [ { s: { set: { a: 1 } } } ] } } ]
    do: [ { s: { set: { a: 1 } } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /use/secrets/0, detail: 'must be letters, digits, hyphens, points and underscores' }
    - { pointer: /use/authentications/a/basic, detail: password is missing }
    - { pointer: /use/errors/b/status, detail: must be a number }
    - { pointer: /use/retries/c/dely, detail: 'unknown property; did you mean delay?' }
    - { pointer: /use/timeouts/d/afer, detail: 'unknown property; did you mean after?' }
    - { pointer: /use/timeouts/d, detail: after is missing }
    - { pointer: /use/catalogs/f/endpont, detail: 'unknown property; did you mean endpoint?' }
    - { pointer: /use/catalogs/f, detail: endpoint is missing }
    - { pointer: /use/functions/e/wiat, detail: 'unknown property; did you mean wait?' }
    - { pointer: /use/extensions/0/g/extend, detail: 'must be one of call, composite, emit, for, listen, raise, run, set, switch, try, wait, all; did you mean call?' }
    """

  # DSL reference, "Use": a group of components that the language does not know.
  Scenario: An unknown kind of reusable component is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: refused-group, version: '1.0.0' }
    use: { function: { e: { wait: PT1S } } }
    do: [ { s: { set: { a: 1 } } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /use/function, detail: 'unknown property; did you mean functions?' }
    """
