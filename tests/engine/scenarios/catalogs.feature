Feature: Catalogs
  # DSL, "Using Cataloged Functions": name, version and catalog.
  Scenario: A function of a catalog is called
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-function-of-a-catalog-is-called, version: '1.0.0' }
    use: { catalogs: { mine: { endpoint: https://github.com/serverlessworkflow/catalog } } }
    do:
      - call: { call: 'add:1.0.0@mine', with: { a: 1, b: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 3
    """

  # DSL, "File Structure": the raw document is found for a tree's address.
  Scenario: A catalog may be a branch of a repository
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-catalog-may-be-a-branch-of-a-repository, version: '1.0.0' }
    use: { catalogs: { mine: { endpoint: { uri: https://github.com/serverlessworkflow/catalog/tree/main } } } }
    do:
      - call: { call: 'add:1.0.0@mine', with: { a: 1, b: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 3
    """

  # DSL, "Default Catalog": it need not be defined.
  Scenario: A function of the default catalog is called twice
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-function-of-the-default-catalog-is-called-twice, version: '1.0.0' }
    do:
      - each: { for: { in: '${ [1, 2] }' }, do: [ { call: { call: 'twice:1.0.0@default', with: { n: '${ $item }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 4
    """

  # DSL, "Creating a Custom Function": a function at an address of its own.
  Scenario: A function is called by its address
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-function-is-called-by-its-address, version: '1.0.0' }
    do:
      - call: { call: https://raw.githubusercontent.com/serverlessworkflow/catalog/refs/heads/main/functions/add/1.0.0/function.yaml, with: { a: 1, b: 5 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 6
    """

  # DSL, "Using a Custom Function": a repository's function by its version.
  Scenario: A function of a repository is called by its tag
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-function-of-a-repository-is-called-by-its-tag, version: '1.0.0' }
    do:
      - call: { call: https://github.com/myorg/functions/half@v1.0.0, with: { n: 8 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    half: 4
    """

  # DSL, "Catalogs": what is not there.
  Scenario: A function that is not there
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-function-that-is-not-there, version: '1.0.0' }
    do:
      - call: { call: 'sub:1.0.0@default' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 404
    instance: /do/0/call
    """

  # DSL, "Catalogs": where nobody answers.
  Scenario: A catalog that cannot be reached
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-catalog-that-cannot-be-reached, version: '1.0.0' }
    use: { catalogs: { far: { endpoint: https://nowhere.example.org } } }
    do:
      - call: { call: 'add:1.0.0@far' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/call
    """

  # DSL, "Catalogs": what is no task.
  Scenario: What is fetched and is no function
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: what-is-fetched-and-is-no-function, version: '1.0.0' }
    do:
      - call: { call: 'broken:1.0.0@default' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/call
    """

  # DSL, "Catalogs": what is refused here is refused there.
  Scenario: A cataloged function does no more than a workflow may
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-cataloged-function-does-no-more-than-a-workflow-may, version: '1.0.0' }
    do:
      - call: { call: 'shell:1.0.0@default' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/call
    """

  # DSL, "Errors": functions that go round in circles end.
  Scenario: A cataloged function that calls itself
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-cataloged-function-that-calls-itself, version: '1.0.0' }
    do:
      - call: { call: 'round:1.0.0@default' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    detail: functions call functions more than 16 deep (functionDepth)
    """

  # DSL, "Runtime expression arguments": secrets are the workflow's.
  Scenario: A cataloged function does not see secrets
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-cataloged-function-does-not-see-secrets, version: '1.0.0' }
    use: { secrets: [ key ] }
    do:
      - call: { call: 'peek:1.0.0@default', with: { given: '${ $secrets.key }' } }
    """
    And given the secret 'key' is:
    """yaml
    some text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: {}
    input: { given: some text }
    """

  # DSL, "Catalogs": a name that nothing has.
  Scenario: A catalog by a wrong name is refused with the nearest one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: catalog-slip, version: '1.0.0' }
    use: { catalogs: { mine: { endpoint: https://example.org } } }
    do: [ { call: { call: 'add:1.0.0@min' } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/call/call, detail: 'use.catalogs has no such name; did you mean mine?' }
    """

  # DSL, "Catalogs": what cannot be reached from here cannot be fetched.
  Scenario: A catalog that redirects to a private address
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: catalog-redirects-inside, version: '1.0.0' }
    do: [ { call: { call: 'inside:1.0.0@default' } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/call
    """

  # DSL, "Catalogs": what cannot be reached from here cannot be fetched.
  Scenario: A catalog that redirects to where a cloud keeps its credentials
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: catalog-redirects-to-metadata, version: '1.0.0' }
    do: [ { call: { call: 'metadata:1.0.0@default' } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/call
    """

  # DSL, "Catalogs": an endpoint is asked as every other is.
  Scenario: A catalog at a private address
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: catalog-inside, version: '1.0.0' }
    use: { catalogs: { inside: { endpoint: http://127.0.0.1:1/functions } } }
    do: [ { call: { call: 'add:1.0.0@inside' } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/call
    """

  # DSL, "Catalogs": a text that is no YAML is no function.
  Scenario: What is fetched and cannot be read
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: catalog-page, version: '1.0.0' }
    do: [ { call: { call: 'page:1.0.0@default' } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    detail: the function that was fetched cannot be read
    instance: /do/0/call
    """

  # DSL reference, "Listen": events of a type reach a workflow whose own document names it.
  Scenario: A cataloged function does not listen
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: catalog-ear, version: '1.0.0' }
    do: [ { call: { call: 'ear:1.0.0@default' } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    detail: "the function that was fetched listens: only the definition itself may listen"
    instance: /do/0/call
    """
