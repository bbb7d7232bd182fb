Feature: Secrets
  # DSL, "Runtime expression arguments": $secrets is a map of the workflow's secrets.
  Scenario: A listed secret is there in expressions
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-listed, version: '1.0.0' }
    use: { secrets: [ login ] }
    do:
      - say: { set: { who: '${ $secrets.login.username }', last: '${ $secrets["login"].username }' } }
    """
    And given the secret 'login' is:
    """yaml
    username: ada
    password: a long pass phrase
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    who: ada
    last: ada
    """

  # DSL, "Runtime expression arguments": also where the workflow's input is shaped.
  Scenario: A secret shapes the input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-input, version: '1.0.0' }
    use: { secrets: [ my-key ] }
    input: { from: '${ { key: $secrets["my-key"], rest: . } }' }
    do:
      - say: { set: { key: '${ .key }', rest: '${ .rest }' } }
    """
    And given the secret 'my-key' is:
    """yaml
    12345
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    key: 12345
    rest: { a: 1 }
    """

  # DSL, "Secret": what the workflow does not list it has no access to.
  Scenario: A secret that is not listed is not there
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-unlisted, version: '1.0.0' }
    use: { secrets: [ other ] }
    do:
      - say: { set: { names: '${ $secrets | keys }' } }
    """
    And given the secret 'other' is:
    """yaml
    some text
    """
    And given the secret 'hidden' is:
    """yaml
    more text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    names: [ other ]
    """

  # DSL, "Runtime expression arguments", the warning: a secret does not bleed into an error.
  Scenario: An error does not carry a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-error, version: '1.0.0' }
    use: { secrets: [ key ] }
    do:
      - fail:
          raise:
            error:
              type: https://example.org/errors/refused
              status: 400
              title: '${ "refused: " + $secrets.key }'
              detail: '${ "with " + ($secrets | tostring) }'
    """
    And given the secret 'key' is:
    """yaml
    'quoted " text'
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.org/errors/refused
    status: 400
    title: 'refused: ***'
    detail: 'with {"key":"***"}'
    instance: /do/0/fail
    """

  # DSL, "Errors": an expression's failure can quote what it worked on.
  Scenario: An expression that fails does not quote a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-expression, version: '1.0.0' }
    use: { secrets: [ key ] }
    do:
      - guarded:
          try:
            - fail: { set: { a: '${ $secrets.key | error }' } }
          catch:
            as: problem
            do:
              - tell: { set: { kind: '${ $problem.type | split("/") | last }', told: '${ $problem.detail }' } }
    """
    And given the secret 'key' is:
    """yaml
    correct horse battery
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    kind: expression
    told: '***'
    """

  # DSL, "Emitting Events", and the warning of "Runtime expression arguments".
  Scenario: An event does not carry a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-event, version: '1.0.0' }
    use: { secrets: [ key ] }
    do:
      - tell:
          emit:
            event:
              with:
                source: https://example.org/keys
                type: org.example.used
                data: { key: '${ $secrets.key }', at: '${ "in /" + $secrets.key + "/" }', other: kept }
          output: { as: '${ .data }' }
    """
    And given the secret 'key' is:
    """yaml
    correct horse battery
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    key: '***'
    at: in /***/
    other: kept
    """

  # DSL reference, "Use": of the secrets, those that are listed can be named.
  Scenario: A secret by a wrong name is refused with the nearest one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: secret-slips, version: '1.0.0' }
    use: { secrets: [ apiKey ] }
    do:
      - one: { set: { a: '${ $secrets.apikey }' } }
      - two: { set: { a: '${ $secrets["apiKy"] }' } }
      - three: { call: http, with: { method: get, endpoint: { uri: https://example.org, authentication: { bearer: { use: apKey } } } } }
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/one/set/a, detail: 'use.secrets has no such name; did you mean apiKey?' }
    - { pointer: /do/1/two/set/a, detail: 'use.secrets has no such name; did you mean apiKey?' }
    - { pointer: /do/2/three/with/endpoint/authentication/bearer/use, detail: 'use.secrets has no such name; did you mean apiKey?' }
    """
