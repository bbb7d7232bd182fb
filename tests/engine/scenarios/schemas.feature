Feature: Schemas in external resources
  # DSL reference, "Schema": a schema may be an external resource, here as YAML.
  Scenario: An input that the fetched schema allows
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-allows, version: '1.0.0' }
    input: { schema: { resource: { name: order, endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/order.yaml } } }
    do: [ { step: { set: { ordered: '${ .id }' } } } ]
    """
    And given the workflow input is:
    """yaml
    { id: 7 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ordered: 7
    """

  # DSL reference, "Schema": references within the resource are followed.
  Scenario: An input that the fetched schema forbids
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-forbids, version: '1.0.0' }
    input: { schema: { resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/order.yaml } } }
    do: [ { step: { set: { a: 1 } } } ]
    """
    And given the workflow input is:
    """yaml
    { id: text }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    detail: /id breaks the schema's type
    """

  # DSL reference, "Schema": the format is said beside the resource.
  Scenario: An output that the fetched schema forbids
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-output, version: '1.0.0' }
    do:
      - step:
          set: { a: 1 }
          output: { schema: { format: 'json:2020-12', resource: { endpoint: { uri: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/order.json } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    detail: the value breaks the schema's required
    instance: /do/0/step
    """

  # DSL reference, "Export": an export is validated against its schema.
  Scenario: An export that the fetched schema allows, in a loop
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-export, version: '1.0.0' }
    do:
      - each:
          for: { in: '${ [1, 2, 3] }' }
          do:
            - step:
                set: { id: '${ $item }' }
                export: { as: '${ { id: .id } }', schema: { resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/order.json } } }
      - last: { set: { seen: '${ $context.id }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: 3
    """

  # DSL reference, "Endpoint": the address may be an expression.
  Scenario: The schema's address depends on the data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-address, version: '1.0.0' }
    do:
      - step:
          input: { schema: { resource: { endpoint: '${ "https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/" + .kind + ".json" }' } } }
          set: { a: 1 }
    """
    And given the workflow input is:
    """yaml
    { kind: order }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    detail: the value breaks the schema's required
    instance: /do/0/step
    """

  # DSL reference, "Endpoint": an endpoint has an authentication.
  Scenario: The schema is fetched as somebody
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-authenticated, version: '1.0.0' }
    use: { authentications: { me: { basic: { username: admin, password: admin } } } }
    do:
      - step:
          input: { schema: { resource: { endpoint: { uri: https://httpbin.org/basic-auth/admin/admin, authentication: { use: me } } } } }
          set: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  # DSL reference, "Standard Error Types": a resource that is not there is an error of communication.
  Scenario: A schema that is not there can be caught
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-missing, version: '1.0.0' }
    do:
      - guarded:
          try:
            - step:
                input: { schema: { resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/nothing.json } } }
                set: { a: 1 }
          catch: { as: why, do: [ { told: { set: { status: '${ $why.status }', detail: '${ $why.detail }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 404
    detail: 'the schema cannot be fetched: the server answered 404'
    """

  # DSL reference, "Standard Error Types": the document does not say what it must.
  Scenario: What is fetched and is no schema
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-none, version: '1.0.0' }
    do:
      - step:
          input: { schema: { resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/none.yaml } } }
          set: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    detail: the schema that was fetched is no JSON Schema
    instance: /do/0/step
    """

  # DSL reference, "Standard Error Types": the document does not say what it must.
  Scenario: What is fetched and is no object
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-text, version: '1.0.0' }
    do:
      - step:
          input: { schema: { resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/text.yaml } } }
          set: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    detail: the schema that was fetched cannot be read
    instance: /do/0/step
    """

  # JSON Schema 2020-12, section 8.2.3.1: a reference to elsewhere is not fetched by the validator.
  Scenario: References lead nowhere outside the resource
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-far, version: '1.0.0' }
    do:
      - step:
          input: { schema: { resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/far.yaml } } }
          set: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    detail: the schema cannot be evaluated
    instance: /do/0/step
    """

  # DSL reference, "Schema": a document or a resource.
  Scenario: A schema is not both
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: schema-both, version: '1.0.0' }
    input: { schema: { document: { type: object }, resource: { endpoint: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/order.json } } }
    do: [ { step: { set: { a: 1 } } } ]
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /input/schema/resource, detail: 'must be alone: a schema is either a document or a resource' }
    """
