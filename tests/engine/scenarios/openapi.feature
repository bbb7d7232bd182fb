Feature: OpenAPI
  # DSL reference, "OpenAPI Call"; OpenAPI 3.1, "Parameter Object": each has its place and style.
  Scenario: Parameters go where the description says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-places, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { shop: 'a/b', tags: [ x, 'y z' ], ids: [ 1, 2 ], filter: { age: 3 }, X-Trace: t, theme: dark }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: GET
    path: /v1/shops/a%2Fb/pets
    query: 'tags=x&tags=y%20z&ids=1,2&filter%5Bage%5D=3'
    headers: { x-trace: t, cookie: theme=dark }
    body: ''
    """

  # DSL reference, "OpenAPI Call"; OpenAPI 3.1, "Request Body Object": what is no parameter is the body.
  Scenario: The rest of the arguments is the body
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-body, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: addPet
            parameters: { shop: s, name: '${ .name }', X-Key: k }
    """
    And given the workflow input is:
    """yaml
    name: Rex
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: POST
    path: /v1/shops/s/pets
    query: ''
    headers: { x-key: k, content-type: application/json }
    body: '{"name": "Rex"}'
    """

  # DSL reference, "OpenAPI Call"; a body that is no object has a name of its own.
  Scenario: The argument body is the whole body
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-whole, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: addPet
            parameters: { shop: s, body: [ 1, 2 ] }
          output: { as: .body }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '[1, 2]'
    """

  # DSL reference, "OpenAPI Call"; OpenAPI 3.1, "Media Type Object": a form is written as one.
  Scenario: A form is filled in
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-form, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: fillForm
            parameters: { a: '1 2', many: [ x, y ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: POST
    path: /v1/form
    query: ''
    headers: { content-type: application/x-www-form-urlencoded }
    body: a=1+2&many=x&many=y
    """

  # DSL reference, "OpenAPI Call"; OpenAPI 3.1, "Server Variable Object": a variable may be chosen.
  Scenario: A variable of the server is an argument
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-server, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { shop: s, stage: v2 }
          output: { as: .path }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /v2/shops/s/pets
    """

  # DSL reference, "OpenAPI Call": with redirect, statuses up to 399 are none.
  Scenario: A redirect is followed where it is asked for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-follow, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: moved
            redirect: true
            output: response
          output: { as: '[ .statusCode, .content.path ]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 200, /arrived ]
    """

  # DSL reference, "OpenAPI Call"; OpenAPI 3.1, "Server Variable Object": a value outside the enum is an error.
  Scenario: A variable of the server keeps to its values
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-enum, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { shop: s, stage: v3 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/ask
    """

  # DSL reference, "OpenAPI Call"; Swagger 2.0, "Parameter Object": formData and collection formats.
  Scenario: A description of the old kind is understood
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-swagger, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/swagger.json' }
            operationId: change
            parameters: { id: 7, tags: [ x, y ], name: Rex }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: PUT
    path: /v0/old/7
    query: tags=x%7Cy
    headers: { content-type: application/x-www-form-urlencoded }
    body: name=Rex
    """

  # DSL reference, "OpenAPI Call"; OpenAPI 3.1, "Format": a description may be YAML.
  Scenario: A description in YAML is understood
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-yaml, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.yaml' }
            operationId: findPets
          output: { as: .path }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /yaml/on
    """

  # DSL reference, "OpenAPI Call": the authentication is that of the operation.
  Scenario: The operation is called as whom the definition says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-authentication, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { shop: s }
            authentication: { bearer: { token: t0ken } }
          output: { as: .headers }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    authorization: Bearer t0ken
    """

  # DSL reference, "OpenAPI Call": output raw is the content in base64.
  Scenario: The raw output is the bytes in base64
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-raw, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { shop: s }
            output: raw
          output: { as: '@base64d | fromjson | .method' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    GET
    """

  # DSL reference, "OpenAPI Call": a required parameter must be given.
  Scenario: A parameter that is needed and missing is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-missing, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { tags: [ x ] }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/ask
    """

  # DSL reference, "OpenAPI Call": the operation is one of the description.
  Scenario: An operation that nobody describes is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-unknown, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: nothing
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/ask
    """

  # DSL reference, "OpenAPI Call"; an argument that has no place is not dropped.
  Scenario: An argument that fits nowhere is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-nowhere, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: findPets
            parameters: { shop: s, tagz: [ x ] }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/ask
    """

  # DSL reference, "OpenAPI Call": without redirect, whatever is outside 200 to 299 is an error.
  Scenario: A redirect is an error unless it is asked for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-redirect, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: moved
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 302
    instance: /do/0/ask
    """

  # DSL reference, "OpenAPI Call": what the service refuses is an error with its status.
  Scenario: What the service refuses is an error of its status
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: openapi-refused, version: '1.0.0' }
    do:
      - ask:
          call: openapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operationId: refused
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 403
    instance: /do/0/ask
    """
