Feature: A2A
  # DSL reference, "A2A Call": a message has by default the role user, and an id.
  Scenario: A message is sent to the agent of a card
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-send, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: message/send
            agentCard: { endpoint: 'https://agent.example.org/.well-known/agent-card.json' }
            parameters: { message: { parts: [ { kind: text, text: '${ .question }' } ] } }
          output: { as: '.echo | .messageId |= (length == 36)' }
    """
    And given the workflow input is:
    """yaml
    question: Who?
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    messageId: true
    role: user
    parts: [ { kind: text, text: Who? } ]
    """

  # DSL reference, "A2A Call": what the message says itself stays.
  Scenario: A message keeps its own id and role
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-own, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: message/send
            server: 'https://agent.example.org/rpc'
            parameters: { message: { messageId: m1, role: agent, parts: [] } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    echo: { messageId: m1, role: agent, parts: [] }
    """

  # DSL reference, "A2A Call": the output of a stream is all of its results in order.
  Scenario: A stream is read to its final event
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-stream, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: message/stream
            server: 'https://agent.example.org/rpc'
            parameters: { message: { parts: [] } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - { kind: task, id: t1, contextId: c1, status: { state: working } }
    - { kind: status-update, taskId: t1, status: { state: completed }, final: true }
    """

  # DSL reference, "A2A Call": a task is looked at by its id.
  Scenario: A task is got
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-task, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            server: 'https://agent.example.org/rpc'
            parameters: '${ { id: .id } }'
    """
    And given the workflow input is:
    """yaml
    id: t1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    kind: task
    id: t1
    contextId: c1
    status: { state: working }
    """

  # DSL reference, "A2A Call": on failure the error is of type runtime.
  Scenario: What the agent refuses is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-refused, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/cancel
            server: 'https://agent.example.org/rpc'
            parameters: { id: t1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "A2A Call": the card says where the agent speaks JSON-RPC.
  Scenario: An agent that prefers another transport is called where it speaks this one
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-interfaces, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            agentCard: { endpoint: 'https://agent.example.org/other-transport.json' }
            parameters: { id: t1 }
          output: { as: .id }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    t1
    """

  # DSL reference, "A2A Call": the card says where the agent speaks JSON-RPC.
  Scenario: An agent that speaks no JSON-RPC cannot be called
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-no-transport, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            agentCard: { endpoint: 'https://agent.example.org/no-transport.json' }
            parameters: { id: t1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "A2A Call": a card that is not there describes no agent.
  Scenario: A card that cannot be read is an error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-no-card, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            agentCard: { endpoint: 'https://agent.example.org/nowhere.json' }
            parameters: { id: t1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "Endpoint": credentials are for the endpoint they stand at.
  Scenario: The credentials of a card go to the agent beside it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-credentials, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            agentCard: { endpoint: { uri: 'https://agent.example.org/guarded.json', authentication: { bearer: { token: t0ken } } } }
            parameters: { id: t1 }
          output: { as: .id }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    t1
    """

  # DSL reference, "Endpoint": credentials are for the endpoint they stand at.
  Scenario: The credentials of a card do not go to an agent elsewhere
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-elsewhere, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            agentCard: { endpoint: { uri: 'https://agent.example.org/elsewhere.json', authentication: { bearer: { token: t0ken } } } }
            parameters: { id: t1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "A2A Call": with neither a card nor an address that answers there is no agent.
  Scenario: An agent that is not there is an error of communication
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a2a-away, version: '1.0.0' }
    do:
      - ask:
          call: a2a
          with:
            method: tasks/get
            server: 'https://nobody.example.org/'
            parameters: { id: t1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/ask
    """
