Feature: MCP
  # DSL reference, "MCP Call": before any request the connection is established; the output is the JSON-RPC result.
  Scenario: A tool is called in a session of its own
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-call, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/call
            parameters: { name: add, arguments: { a: 1, b: '${ .b }' } }
            transport: { http: { endpoint: 'https://mcp.example.org/mcp' } }
    """
    And given the workflow input is:
    """yaml
    b: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    content: [ { type: text, text: '3' } ]
    structuredContent: { version: '2025-06-18', open: 1 }
    """

  # DSL reference, "MCP Call": the revision of the protocol is the author's choice.
  Scenario: The newest revision with sessions is spoken where it is asked for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-version, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/call
            parameters: { name: add, arguments: { a: 1 } }
            protocolVersion: '2025-11-25'
            client: { name: mine, version: '2' }
            transport: { http: { endpoint: 'https://mcp.example.org/mcp' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    content: [ { type: text, text: '1' } ]
    structuredContent: { version: '2025-11-25', open: 1 }
    """

  # DSL reference, "MCP Call": a revision without sessions has no connection to establish.
  Scenario: A revision without sessions is spoken without one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-stateless, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/call
            parameters: { name: add, arguments: { a: 1 } }
            protocolVersion: '2026-07-28'
            transport: { http: { endpoint: 'https://mcp.example.org/stateless' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    content: [ { type: text, text: '1' } ]
    structuredContent: { version: '2026-07-28', name: add }
    """

  # DSL reference, "MCP Call": on failure the error is of type runtime.
  Scenario: A server that asks back has nobody to ask
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-asked, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/call
            parameters: { name: ask }
            protocolVersion: '2026-07-28'
            transport: { http: { endpoint: 'https://mcp.example.org/stateless' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "MCP Call": a server may answer with a stream of events.
  Scenario: A stream of events is read until the answer is there
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-events, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/list
            transport: { http: { endpoint: 'https://mcp.example.org/events' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tools: [ { name: add }, { name: break } ]
    """

  # DSL reference, "MCP Call": prompts are got by name.
  Scenario: A prompt is got
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-prompt, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: prompts/get
            parameters: { name: greet }
            transport: { http: { endpoint: 'https://mcp.example.org/mcp' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    messages: [ { role: user, content: { type: text, text: Hello } } ]
    """

  # DSL reference, "MCP Call": resources are read by URI; parameters may be one expression.
  Scenario: A resource is read with parameters from the data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-resource, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: resources/read
            parameters: '${ { uri: .uri } }'
            transport: { http: { endpoint: 'https://mcp.example.org/mcp' } }
    """
    And given the workflow input is:
    """yaml
    uri: note://1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    contents: [ { uri: 'note://1', text: a note } ]
    """

  # DSL reference, "MCP Call": lists of prompts, resources and templates.
  Scenario: What there is is listed
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-lists, version: '1.0.0' }
    do:
      - prompts: { call: mcp, with: { method: prompts/list, transport: { http: { endpoint: 'https://mcp.example.org/mcp' } } }, export: { as: '$context + .' } }
      - resources: { call: mcp, with: { method: resources/list, transport: { http: { endpoint: 'https://mcp.example.org/mcp' } } }, export: { as: '$context + .' } }
      - templates: { call: mcp, with: { method: resources/templates/list, transport: { http: { endpoint: 'https://mcp.example.org/events' } } }, output: { as: '$context + .' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    prompts: [ { name: greet } ]
    resources: [ { uri: 'note://1' } ]
    resourceTemplates: [ { uriTemplate: 'note://{id}' } ]
    """

  # DSL reference, "MCP Call": on failure the error is of type runtime.
  Scenario: A tool that nobody has is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-unknown, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/call
            parameters: { name: nothing, arguments: {} }
            transport: { http: { endpoint: 'https://mcp.example.org/mcp' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "MCP Call": what a tool says of itself is a result.
  Scenario: A tool that fails says so in its result
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-broken, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/call
            parameters: { name: break, arguments: {} }
            transport: { http: { endpoint: 'https://mcp.example.org/mcp' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    content: []
    isError: true
    """

  # DSL reference, "MCP Call": a server that speaks another revision cannot be called.
  Scenario: A server of an unknown revision is left
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-ancient, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/list
            transport: { http: { endpoint: 'https://mcp.example.org/ancient' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "MCP HTTP Transport": headers go with every request.
  Scenario: Headers of the transport are sent
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-headers, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/list
            transport: { http: { endpoint: 'https://mcp.example.org/guarded', headers: { authorization: '${ "Bearer " + .token }' } } }
    """
    And given the workflow input is:
    """yaml
    token: t0ken
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tools: [ { name: add }, { name: break } ]
    """

  # DSL reference, "Endpoint": an endpoint has its authentication.
  Scenario: A server that wants to know who asks is told
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: mcp-authentication, version: '1.0.0' }
    do:
      - ask:
          call: mcp
          with:
            method: tools/list
            transport: { http: { endpoint: { uri: 'https://mcp.example.org/guarded', authentication: { bearer: { token: t0ken } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    tools: [ { name: add }, { name: break } ]
    """
