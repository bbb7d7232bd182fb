Feature: AsyncAPI

  # DSL reference, "AsyncAPI Call": a message is published by an operation of AsyncAPI 3; HTTP binding, "method".
  Scenario: A message is posted as the document says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-post, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            protocol: http
            message: { payload: { greeting: '${ "Hello, " + .name }' }, headers: { trace: t1 } }
      - read:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: readInbox
            subscription: { consume: { amount: 1 } }
    """
    And given the workflow input is:
    """yaml
    name: Ada
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { body: '{"greeting":"Hello, Ada"}', type: application/json, trace: t1 }
    """

  # DSL reference, "AsyncAPI Call": what was published is the output.
  Scenario: The output is the message
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-output, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            protocol: redis
            message: { payload: { greeting: Hi } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    payload: { greeting: Hi }
    """

  # DSL reference, "AsyncAPI Call": a document of AsyncAPI 2 has channels, and message means its publish operation.
  Scenario: A channel of AsyncAPI 2 is published to
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-second, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi2.yaml' }
            channel: /inbox
            message: { payload: { greeting: two } }
      - read:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi2.yaml' }
            channel: /inbox
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { body: '{"greeting":"two"}', type: application/json, trace: null }
    """

  # AsyncAPI 2.6, "Operation Object": an operation may go by its id.
  Scenario: An operation of AsyncAPI 2 goes by its id
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-id, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi2.yaml' }
            operation: listenToTicks
            subscription: { consume: { amount: 2 } }
          output: { as: 'map(.payload.n) | .[1] - .[0]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    1
    """

  # AsyncAPI 3, "Message Object": a content type of text is no JSON.
  Scenario: Text is sent as text
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-text, version: '1.0.0' }
    do:
      - tell:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: tell
            message: { payload: plain words }
      - read:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: readInbox
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { body: plain words, type: text/plain, trace: null }
    """

  # DSL reference, "AsyncAPI Server": variables of the server are chosen; a status of failure is one of the communication.
  Scenario: A variable of the server leads elsewhere
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-variable, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            server: { name: web, variables: { stage: '${ .stage }' } }
            message: { payload: { greeting: Hi }, headers: { trace: t } }
    """
    And given the workflow input is:
    """yaml
    stage: missing
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 404
    detail: >-
      the server answered 404
    instance: /do/0/greet
    """

  # AsyncAPI 3, "Server Variable Object": only what is enumerated may be chosen.
  Scenario: A variable has the values that the document allows
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-enum, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            server: { name: web, variables: { stage: other } }
            message: { payload: { greeting: Hi }, headers: { trace: t } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      stage has no value, or one that the document does not allow
    """

  # AsyncAPI 3, "Message Object": the payload matches its schema, references followed.
  Scenario: A payload that does not match is a validation error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-invalid, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            message: { payload: { greeting: H } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    detail: >-
      the message's payload does not match the document: /greeting breaks the schema's minLength
    instance: /do/0/greet
    """

  # AsyncAPI 3, "Message Object": headers match their schema.
  Scenario: Headers that do not match are a validation error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-headers, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            message: { payload: { greeting: Hi } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    detail: >-
      the message's headers does not match the document: the value breaks the schema's required
    """

  # AsyncAPI 3, "Multi Format Schema Object": what cannot be validated is not sent.
  Scenario: A schema of another format is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-avro, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: avro
            message: { payload: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      the message's schema is of a format that is not supported: application/vnd.apache.avro;version=1.9.0
    """

  # DSL reference, "AsyncAPI Call": an operation that the document lacks is a matter of the definition.
  Scenario: An unknown operation is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-unknown, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greets
            message: { payload: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    detail: >-
      the document has no such operation
    instance: /do/0/greet
    """

  # DSL reference, "AsyncAPI Call": channels are named in documents of AsyncAPI 2 only.
  Scenario: A channel of AsyncAPI 3 is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-channel, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            channel: inbox
            message: { payload: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      a document of AsyncAPI 3 has operations, and the call names a channel
    """

  # DSL reference, "AsyncAPI Call": a server that the channel lacks is a matter of the definition.
  Scenario: An unknown server is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-server, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            server: { name: web }
            message: { payload: { greeting: Hi } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      the channel has no such server
    """

  # DSL reference, "AsyncAPI Call": a protocol that is not spoken is told with those that the channel has.
  Scenario: A channel without a server that is spoken is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-queue, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: queue
            message: { payload: { greeting: Hi } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      the channel has no server of a supported protocol; it has kafka
    """

  # DSL reference, "External Resource": there must be something to read.
  Scenario: A document that is not there is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-absent, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://petstore.swagger.io/absent.json' }
            operation: greet
            message: { payload: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 404
    """

  # AsyncAPI: a document of another kind describes nothing.
  Scenario: A document of another kind is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-openapi, version: '1.0.0' }
    do:
      - greet:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/openapi.json' }
            operation: greet
            message: { payload: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      the document is none of AsyncAPI 2 or 3
    """

  # Redis, "PUBLISH" and "SUBSCRIBE": who listens hears what is said meanwhile; AsyncAPI 3, "Parameter Object".
  Scenario: A message goes through Redis
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-redis, version: '1.0.0' }
    do:
      - both:
          fork:
            compete: true
            branches:
              - hear:
                  call: asyncapi
                  with:
                    document: { endpoint: 'https://api.example.org/asyncapi.json' }
                    operation: room
                    protocol: redis
                    subscription: { consume: { amount: 1 } }
              - tell:
                  for: { in: '[range(100)]' }
                  do:
                    - say:
                        call: asyncapi
                        with:
                          document: { endpoint: 'https://api.example.org/asyncapi.json' }
                          operation: room
                          protocol: redis
                          message: { payload: { greeting: round } }
                    - pause: { wait: PT0.02S }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { greeting: round }
    """

  # MQTT 3.1.1, "PUBLISH": a retained message is heard by who comes later; MQTT binding, "retain" and "qos".
  Scenario: A message is kept by MQTT
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-mqtt, version: '1.0.0' }
    do:
      - keep:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: keep
            protocol: mqtt
            message: { payload: { greeting: kept } }
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: keep
            protocol: mqtt
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { greeting: kept }
    """

  # AsyncAPI, "Server Object": secure-mqtt is MQTT with TLS; DSL reference, "Basic Authentication".
  Scenario: MQTT is spoken with TLS and a password
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-mqtts, version: '1.0.0' }
    do:
      - keep:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: keep
            server: { name: mqtts }
            authentication: { basic: { username: ada, password: s3cret } }
            message: { payload: { greeting: safe } }
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: keep
            server: { name: mqtts }
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { greeting: safe }
    """

  # MQTT 3.1.1, "CONNACK": a broker that does not know who asks.
  Scenario: A wrong password is an authentication error to MQTT
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-mqtt-password, version: '1.0.0' }
    do:
      - keep:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: keep
            protocol: mqtt
            authentication: { basic: { username: ada, password: wrong } }
            message: { payload: { greeting: kept } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    instance: /do/0/keep
    """

  # Redis, "AUTH": a server that does not know who asks.
  Scenario: A wrong password is an authentication error to Redis
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-redis-password, version: '1.0.0' }
    do:
      - say:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            protocol: redis
            authentication: { basic: { username: ada, password: wrong } }
            message: { payload: { greeting: said } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    instance: /do/0/say
    """

  # Redis, "ACL": a server that knows who asks, and does not let them.
  Scenario: What one may not say is an authorization error to Redis
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-redis-guest, version: '1.0.0' }
    do:
      - say:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            protocol: redis
            authentication: { basic: { username: guest, password: s3cret } }
            message: { payload: { greeting: said } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization
    status: 403
    """

  # DSL reference, "Bearer Authentication": a token goes with the request.
  Scenario: A bearer token goes with a subscription over HTTP
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-bearer, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: guarded
            authentication: { bearer: { token: t0ken } }
            subscription: { consume: { amount: 1 } }
          output: { as: '.[0].payload.n' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    1
    """

  # DSL reference, "Standard Error Types": without it there is no answer.
  Scenario: A subscription that is not let in is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-unlet, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: guarded
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 401
    instance: /do/0/hear
    """

  # Redis and MQTT 3.1.1 carry payloads alone.
  Scenario: Headers where none are carried are a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-no-headers, version: '1.0.0' }
    do:
      - say:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            protocol: mqtt
            message: { payload: { greeting: Hi }, headers: { a: b } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      mqtt messages have no headers
    """

  # MQTT binding, "qos": what is not spoken is not promised.
  Scenario: Exactly once is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-exactly, version: '1.0.0' }
    do:
      - say:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: exactly
            protocol: mqtt
            message: { payload: { greeting: Hi } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      the document's quality of service is not supported: 0 and 1 are
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": an amount of messages.
  Scenario: An amount of messages is consumed from Redis in its order
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-amount, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: ticks
            protocol: redis
            subscription: { consume: { amount: 4 } }
          output: { as: 'map(.payload.n) | .[0] as $first | map(. - $first)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0, 1, 2, 3 ]
    """

  # DSL reference, "AsyncAPI Subscription": the filter decides which messages count; "AsyncAPI Inbound Message", correlationId.
  Scenario: A filter decides which messages count
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-filter, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: ticks
            protocol: mqtt
            subscription: { filter: '${ .correlationId == $workflow.input.room and .payload.n > 0 }', consume: { amount: 3 } }
          output: { as: '[ map(.payload.room), map(.correlationId) ]' }
    """
    And given the workflow input is:
    """yaml
    room: b
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ b, b, b ], [ b, b, b ] ]
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": for bounds an amount.
  Scenario: The time for a subscription passes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-for, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            protocol: redis
            subscription: { consume: { amount: 5, for: { milliseconds: 200 } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": while is looked at after each message.
  Scenario: While decides after each message
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-while, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: ticks
            protocol: redis
            subscription: { consume: { while: '${ length < 3 }' } }
          output: { as: length }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": until is looked at before each message.
  Scenario: Until decides before each message
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-until, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: ticks
            protocol: redis
            subscription: { consume: { until: '${ true }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  # DSL reference, "Subscription Iterator": each message is worked on before the next one; its output and export are its own.
  Scenario: Each message is worked on in its turn
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-foreach, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: ticks
            protocol: mqtt
            subscription:
              consume: { until: '${ ($context.seen | length) == 3 }' }
              foreach:
                item: message
                at: place
                do:
                  - note: { set: { at: '${ $place }', same: '${ $message.payload.n == .payload.n }' } }
                  - pause: { wait: PT0.05S }
                output: { as: '[ .at, .same ]' }
                export: { as: '{ seen: (($context.seen // []) + [ . ]) }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ 0, true ], [ 1, true ], [ 2, true ] ]
    """

  # DSL reference, "AsyncAPI Subscription": over http, the events of a stream are messages, which may end before there are enough.
  Scenario: A stream of events that ends has no more messages
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-stream, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: stream
            protocol: http
            subscription: { consume: { amount: 5 } }
          output: { as: 'map(.payload.n)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3 ]
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": a stream is read no further than the amount.
  Scenario: A stream of events without an end gives its amount
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-endless, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: endless
            protocol: http
            subscription: { consume: { amount: 3 } }
          output: { as: 'map(.payload.n)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3 ]
    """

  # DSL, "Timeouts": a step has its own limit, whatever its subscription waits for.
  Scenario: A subscription ends with the step's timeout
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-timeout, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: room
            protocol: mqtt
            subscription: { consume: { amount: 1 } }
          timeout: { after: PT0.3S }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/hear
    """

  # DSL reference, "AsyncAPI Call": what can be seen beforehand is refused beforehand.
  Scenario: What no call can have is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: asyncapi-refused, version: '1.0.0' }
    do:
      - a:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            channel: inbox
            protocol: kafka
            message: { payload: {}, body: {} }
      - b:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
      - c:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            subscription: { consume: { amount: 0 }, filter: '${ $nobody }' }
      - d:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/asyncapi.json' }
            operation: greet
            subscription: { consume: { amount: 1, while: '${ true }' } }
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/a/with, detail: 'must have exactly one of operation, channel' }
    - pointer: /do/0/a/with/protocol
      detail: >-
        this protocol is not spoken here: http, redis, mqtt (3.1.1) and amqp (0.9.1) are, each tried against a server of its kind
    - { pointer: /do/0/a/with/message/body, detail: unknown property }
    - { pointer: /do/1/b/with, detail: 'must have exactly one of message, subscription' }
    - { pointer: /do/2/c/with/subscription/filter, detail: $nobody is not defined }
    - { pointer: /do/2/c/with/subscription/consume/amount, detail: must be a number from 1 to 10000 }
    - pointer: /do/3/d/with/subscription/consume
      detail: must have exactly one of amount, while, until; amount and while are here
    """
