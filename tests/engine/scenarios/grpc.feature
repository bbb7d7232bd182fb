Feature: gRPC
  # DSL reference, "gRPC Call": arguments by the names of the proto's fields, in ProtoJSON; int64 is text there.
  Scenario: Every type of field goes out and comes back
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-types, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: greetings.v1.Greeter, host: greeter.example.org }
            method: Echo
            arguments:
              text: '${ .name }'
              big: '9007199254740993'
              small: 7
              ratio: 0.5
              yes: true
              raw: AAEC
              mood: MOOD_GOOD
              person: { fullName: Ada, friends: [ { full_name: Grace } ] }
              numbers: [ 1, '2' ]
              people: { a: { fullName: Alan } }
              at: '2026-01-02T03:04:05Z'
              lasts: 1.5s
              loose: { any: [ 1, null, { thing: true } ] }
              perhaps: there
              zero: 0
              right: 3
    """
    And given the workflow input is:
    """yaml
    name: Hello
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    text: Hello
    big: '9007199254740993'
    small: 7
    ratio: 0.5
    yes: true
    raw: AAEC
    mood: MOOD_GOOD
    person: { fullName: Ada, friends: [ { fullName: Grace } ] }
    numbers: [ '1', '2' ]
    people: { a: { fullName: Alan } }
    at: '2026-01-02T03:04:05Z'
    lasts: 1.500s
    loose: { any: [ 1, null, { thing: true } ] }
    perhaps: there
    zero: 0
    right: 3
    """

  # DSL reference, "gRPC Call": arguments are optional; the service may go by its name within its package.
  Scenario: A message without anything set is an empty object
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-empty, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { name: greeter, endpoint: { uri: 'https://api.example.org/greeter.proto' } }
            service: { name: Greeter, host: greeter.example.org, port: 443 }
            method: Echo
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {}
    """

  # DSL reference, "gRPC Call": the whole of the arguments may be an expression.
  Scenario: An expression gives the arguments
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-expression, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org, port: 50051 }
            method: Echo
            arguments: '${ { text: .name, mood: 2 } }'
          output: { as: '.text + " " + .mood' }
    """
    And given the workflow input is:
    """yaml
    name: Ada
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Ada MOOD_BAD
    """

  # gRPC, "Server streaming RPC": the messages become an array, in their order.
  Scenario: A stream of messages is an array
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-stream, version: '1.0.0' }
    do:
      - count:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: CountUp
            arguments: { to: 3 }
      - none:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: CountUp
          output: { as: '${ [ $input, . ] }' }
          input: { from: 'map(.value)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - [ 1, 2, 3 ]
    - []
    """

  # gRPC, "Server streaming RPC": no more than a step may hold is read.
  Scenario: A stream without an end is cut off
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-flood, version: '1.0.0' }
    do:
      - count:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: CountUp
            arguments: { to: 2000000000, bytes: 100000 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: the answers are larger than 1048576 bytes
    instance: /do/0/count
    """

  # DSL reference, "gRPC Call": `service.authentication` names a bearer token; RFC 6750.
  Scenario: A bearer token goes along
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-bearer, version: '1.0.0' }
    use: { authentications: { mine: { bearer: { token: '${ .token }' } } } }
    do:
      - who:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org, authentication: { use: mine } }
            method: WhoAmI
    """
    And given the workflow input is:
    """yaml
    token: t0ken
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    authorization: Bearer t0ken
    """

  # DSL reference, "gRPC Call": `service.authentication` names a person; RFC 7617.
  Scenario: A name and a password go along
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-basic, version: '1.0.0' }
    do:
      - who:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service:
              name: Greeter
              host: greeter.example.org
              authentication: { basic: { username: a, password: b } }
            method: WhoAmI
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    authorization: Basic YTpi
    """

  # DSL reference, "Standard Error Types": UNAUTHENTICATED says who one is not.
  Scenario: Who is not known has an authentication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-unauthenticated, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Fail
            arguments: { code: 16, says: who are you }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: 'the service answered UNAUTHENTICATED: who are you'
    instance: /do/0/greet
    """

  # DSL reference, "Standard Error Types": PERMISSION_DENIED says what one may not.
  Scenario: Who may not has an authorization error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-denied, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Fail
            arguments: { code: 7 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization
    status: 403
    """

  # DSL reference, "Standard Error Types": DEADLINE_EXCEEDED is the service's own timeout.
  Scenario: A deadline that passed is a timeout
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-deadline, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Fail
            arguments: { code: 4 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    """

  # DSL, "Timeouts": a step's own limit ends a call.
  Scenario: A slow method ends with the step's timeout
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-slow, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Sleep
            arguments: { to: 20 }
          timeout: { after: PT0.5S }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    """

  # DSL reference, "Standard Error Types": any other status is of the communication, caught by its number.
  Scenario: A status can be caught by its number
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-caught, version: '1.0.0' }
    do:
      - attempt:
          try:
            - greet:
                call: grpc
                with:
                  proto: { endpoint: 'https://api.example.org/greeter.proto' }
                  service: { name: Greeter, host: greeter.example.org }
                  method: Fail
                  arguments: { code: 5, says: nobody }
          catch:
            errors: { with: { status: 404 } }
            as: error
            do:
              - note: { set: { said: '${ $error.detail }', at: '${ $error.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    said: 'the service answered NOT_FOUND: nobody'
    at: /do/0/attempt/try/0/greet
    """

  # DSL, "Retries": what is unavailable may be tried again; each try is a call.
  Scenario: An unavailable service is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-unavailable, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org, port: 50052 }
            method: Echo
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 503
    instance: /do/0/greet
    """

  # gRPC, "Status codes": a stream that breaks off gives nothing.
  Scenario: A stream that fails late fails whole
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-late, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: FailLate
            arguments: { code: 8 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 429
    """

  # DSL reference, "gRPC Call": what is no message of the method's type is no answer.
  Scenario: Garbage is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-garbage, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Garbage
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: the answer is no message of the method's type
    """

  # gRPC, "Status codes": a service that lacks what its proto promises says so.
  Scenario: A method that the service lacks is unimplemented
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-missing, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Missing
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 501
    """

  # DSL reference, "gRPC Call": a method that the proto lacks is a matter of the definition.
  Scenario: An unknown method is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-unknown, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Greet
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: >-
      the service has no such method; it has CountUp, Echo, Fail, FailLate, Garbage, Gather, Missing, Sleep, WhoAmI
    instance: /do/0/greet
    """

  # DSL reference, "gRPC Call": a service that the proto lacks is a matter of the definition.
  Scenario: An unknown service is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-nobody, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: other.Greeter, host: greeter.example.org }
            method: Echo
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: the proto has no such service
    """

  # gRPC, "Client streaming RPC": a call has one object of arguments.
  Scenario: A method that takes a stream is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-gather, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Gather
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: the method takes a stream of messages, and a call sends one
    """

  # DSL reference, "gRPC Call"; "Standard Error Types": arguments that do not fit are not valid.
  Scenario: Arguments that do not fit are a validation error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-misfit, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Echo
            arguments: { small: many }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /do/0/greet
    """

  # DSL reference, "gRPC Call": the compiler's words lead to the place.
  Scenario: A proto that does not compile is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-broken, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/broken.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Echo
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: 'the proto cannot be compiled: 1:28: Expected message name.'
    """

  # DSL reference, "External Resource": there must be something to read.
  Scenario: A proto that is not there is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-absent, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/absent.proto' }
            service: { name: Greeter, host: greeter.example.org }
            method: Echo
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 404
    """

  # DSL reference, "gRPC Call": what can be seen beforehand is refused beforehand.
  Scenario: What no call can have is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: grpc-refused, version: '1.0.0' }
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://api.example.org/greeter.proto', text: no }
            service:
              name: Greeter
              host: 'https://greeter.example.org'
              port: 0
              authentication: { digest: { username: a, password: b } }
            stream: true
    """
    When the workflow is checked
    Then the workflow should be refused with:
    """yaml
    - { pointer: /do/0/greet/with/stream, detail: unknown property }
    - { pointer: /do/0/greet/with/proto/text, detail: unknown property }
    - { pointer: /do/0/greet/with/service/host, detail: 'must be a host''s name: letters, digits, dots and hyphens' }
    - { pointer: /do/0/greet/with/service/port, detail: must be a number from 1 to 65535 }
    - { pointer: /do/0/greet/with, detail: method is missing }
    - { pointer: /do/0/greet/with/service/authentication, detail: 'digest is not for grpc: its challenge belongs to http' }
    """
