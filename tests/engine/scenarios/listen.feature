Feature: Listen
  # DSL reference, "Listen": the output is an array of what was consumed, and data is what is read by default.
  Scenario: Listening to one event gives its data
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: one, version: '1.0.0' }
    do:
      - await:
          listen: { to: { one: { with: { type: com.example.begun } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: com.example.begun
    data: { lap: 1 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { lap: 1 }
    """

  # DSL reference, "Event Filter": an event that is not wanted is left alone.
  Scenario: Other events do not end a listen
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: one-of-many, version: '1.0.0' }
    do:
      - await:
          listen: { to: { one: { with: { type: com.example.wanted, subject: car-7 } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: com.example.other
    data: 1
    """
    And the event is published:
    """yaml
    type: com.example.wanted
    subject: car-8
    data: 2
    """
    And the event is published:
    """yaml
    type: com.example.wanted
    data: 3
    """
    And the event is published:
    """yaml
    type: com.example.wanted
    subject: car-7
    data: 4
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 4
    """

  # DSL reference, "Event Consumption Strategy": any goes on at the first of its events, read in its form.
  Scenario: Any of several events is enough, seen with its envelope
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: any, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              any:
                - with: { type: com.example.temperature, data: '${ .temperature > 38 }' }
                - with: { type: com.example.bpm, data: '${ .bpm < 60 or .bpm > 100 }' }
            read: envelope
    """
    When the workflow is started
    And the event is published:
    """yaml
    id: a
    type: com.example.temperature
    data: { temperature: 37 }
    """
    And the event is published:
    """yaml
    id: b
    type: com.example.bpm
    data: { bpm: 120 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { specversion: '1.0', id: b, source: 'https://example.com/tests', type: com.example.bpm, data: { bpm: 120 } }
    """

  # DSL reference, "Event Consumption Strategy": an empty any listens to all events.
  Scenario: Any without filters takes the first event there is
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: any-at-all, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [] } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: whatever
    data: { n: 1 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { n: 1 }
    """

  # DSL reference, "Event Consumption Strategy": all waits for each of its events, which come in their own order.
  Scenario: All waits for one event of each filter
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: all, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              all:
                - with: { type: com.example.temperature }
                - with: { type: com.example.bpm }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: com.example.bpm
    data: 1
    """
    And the event is published:
    """yaml
    type: com.example.bpm
    data: 2
    """
    And the event is published:
    """yaml
    type: com.example.temperature
    data: 3
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 1
    - 3
    """

  # DSL reference, "Event Consumption Strategy": an event serves one filter of all, even where it fits two.
  Scenario: One event does not stand for two filters
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: all-alike, version: '1.0.0' }
    do:
      - await:
          listen: { to: { all: [ { with: { type: com.example.tick } }, { with: { type: com.example.tick } } ] } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: com.example.tick
    data: 1
    """
    And the event is published:
    """yaml
    type: com.example.tick
    data: 2
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 1
    - 2
    """

  # DSL reference, "Event Consumption Strategy": until is a condition on what has been consumed.
  Scenario: Any goes on until its condition holds
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: until-condition, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [], until: '( . | length ) > 2' } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: a
    data: 1
    """
    And the event is published:
    """yaml
    type: b
    data: 2
    """
    And the event is published:
    """yaml
    type: c
    data: 3
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3 ]
    """

  # DSL reference, "Listen", warning: what the until consumes is not part of the output.
  Scenario: Any goes on until an event of another strategy
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: until-consumed, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              any: [ { with: { type: com.example.vitals } } ]
              until: { one: { with: { type: com.example.checked-out } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: com.example.vitals
    data: 1
    """
    And the event is published:
    """yaml
    type: com.example.vitals
    data: 2
    """
    And the event is published:
    """yaml
    type: com.example.checked-out
    data: 3
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ 1, 2 ]
    """

  # DSL reference, "Event Consumption Strategy": an until may wait for several events itself.
  Scenario: An until of all ends the listen with its last event
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: until-all, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              any: []
              until: { all: [ { with: { type: paid } }, { with: { type: shipped } } ] }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: shipped
    data: 1
    """
    And the event is published:
    """yaml
    type: news
    data: 2
    """
    And the event is published:
    """yaml
    type: paid
    data: 3
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ 2 ]
    """

  # DSL reference, "Correlation": without expect, the first value is what the others are held to.
  Scenario: Events of all belong together by their first value
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: correlate, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              all:
                - with: { type: temperature }
                  correlate: { room: { from: .roomid } }
                - with: { type: humidity }
                  correlate: { room: { from: .roomid } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: temperature
    roomid: kitchen
    data: 21
    """
    And the event is published:
    """yaml
    type: humidity
    roomid: cellar
    data: 90
    """
    And the event is published:
    """yaml
    type: humidity
    data: 80
    """
    And the event is published:
    """yaml
    type: humidity
    roomid: kitchen
    data: 50
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ 21, 50 ]
    """

  # DSL reference, "Correlation": expect is a constant or an expression.
  Scenario: An event must have the value that is expected
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: expect, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              one:
                with: { type: paid }
                correlate: { order: { from: .data.order, expect: '${ .order }' } }
    """
    And given the workflow input is:
    """yaml
    order: 7
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: paid
    data: { order: 6 }
    """
    And the event is published:
    """yaml
    type: paid
    data: { order: 7 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { order: 7 }
    """

  # DSL reference, "Event Filter": attributes may be regular expressions.
  Scenario: An attribute may be matched by a regular expression
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: pattern, version: '1.0.0' }
    do:
      - await: { listen: { to: { one: { with: { type: 'com[.]example[.](bpm|pulse)', region: 'eu-.*' } } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: com.example.bpms
    region: eu-1
    data: 1
    """
    And the event is published:
    """yaml
    type: com.example.pulse
    region: us-1
    data: 2
    """
    And the event is published:
    """yaml
    type: com.example.pulse
    region: eu-1
    data: 3
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 3
    """

  # DSL reference, "Event Properties": source and time may be expressions, here of the step's input.
  Scenario: An attribute may be matched by an expression
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: expression, version: '1.0.0' }
    do:
      - await:
          listen:
            to:
              one:
                with: { source: '${ $input.sensor }', time: '${ . > "2026-01-02" }' }
    """
    And given the workflow input is:
    """yaml
    sensor: https://example.com/sensors/4
    """
    When the workflow is started
    And the event is published:
    """yaml
    source: https://example.com/sensors/5
    type: t
    time: '2026-03-01T00:00:00Z'
    data: 1
    """
    And the event is published:
    """yaml
    source: https://example.com/sensors/4
    type: t
    time: '2026-01-01T00:00:00Z'
    data: 2
    """
    And the event is published:
    """yaml
    source: https://example.com/sensors/4
    type: t
    time: '2026-03-01T00:00:00Z'
    data: 3
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 3
    """

  # DSL reference, "URI Template": a source may name members of the input. A time means a moment, however it is written.
  Scenario: A source may be a template, and a time is a moment
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: template, version: '1.0.0' }
    do:
      - await:
          listen: { to: { one: { with: { source: 'https://example.com/sensors/{id}', time: '2026-01-02T12:00:00Z' } } } }
    """
    And given the workflow input is:
    """yaml
    id: 4
    """
    When the workflow is started
    And the event is published:
    """yaml
    source: https://example.com/sensors/5
    type: t
    time: '2026-01-02T12:00:00Z'
    data: 1
    """
    And the event is published:
    """yaml
    source: https://example.com/sensors/4
    type: t
    time: '2026-01-02T13:00:00+01:00'
    data: 2
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 2
    """

  # DSL reference, "Event Properties": data may be any value, and then an event has what it names.
  Scenario: Data may be matched by its members
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: data, version: '1.0.0' }
    do:
      - await: { listen: { to: { one: { with: { data: { kind: alarm, level: '${ . >= 3 }', tags: [ a, b ] } } } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: { kind: alarm, level: 2, tags: [ a, b ] }
    """
    And the event is published:
    """yaml
    type: t
    data: alarm
    """
    And the event is published:
    """yaml
    type: t
    data: { kind: alarm, level: 3, tags: [ a, b ], more: 1 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { kind: alarm, level: 3, tags: [ a, b ], more: 1 }
    """

  # DSL reference, "Event Filter": an event of another form than a filter expects is not its event.
  Scenario: A filter that fails on an event does not want it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: misfit, version: '1.0.0' }
    do:
      - await: { listen: { to: { one: { with: { data: '${ .level + 1 > 3 }' } } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: [ 1 ]
    """
    And the event is published:
    """yaml
    type: t
    data: { level: 3 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { level: 3 }
    """

  # DSL reference, "Listen", read: raw is the data as it was written.
  Scenario: Raw data is text
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: raw, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [], until: '( . | length ) == 3' }, read: raw } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: { a: [ 1, true ] }
    """
    And the event is published:
    """yaml
    type: t
    datacontenttype: text/plain
    data: hello
    """
    And the event is published:
    """yaml
    type: t
    datacontenttype: application/octet-stream
    data_base64: AAE=
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ '{"a":[1,true]}', hello, AAE= ]
    """

  # CloudEvents JSON format, section 3.1: data may come as base64.
  Scenario: Data that came as base64 of JSON is read as JSON
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: base64, version: '1.0.0' }
    do:
      - await: { listen: { to: { one: { with: { type: t } } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    datacontenttype: application/json
    data_base64: eyJhIjoxfQ==
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - { a: 1 }
    """

  # DSL reference, "Subscription Iterator": each event is done with before the next; the output is what that gave.
  Scenario: Each event is worked on in its order
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: foreach, version: '1.0.0' }
    do:
      - await:
          listen: { to: { any: [], until: '( . | length ) == 2' } }
          foreach:
            item: reading
            at: place
            do:
              - pause: { wait: { milliseconds: 20 } }
              - note: { set: '${ { place: $place, value: $reading.value } }' }
            output: { as: '${ . + { seen: true } }' }
            export: { as: '${ ($context.sum // 0) as $sum | { sum: ($sum + .value) } }' }
      - told: { set: '${ { readings: ., sum: $context.sum } }' }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: { value: 4 }
    """
    And the event is published:
    """yaml
    type: t
    data: { value: 5 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    readings: [ { place: 0, value: 4, seen: true }, { place: 1, value: 5, seen: true } ]
    sum: 9
    """

  # DSL reference, "Subscription Iterator": it may shape items without doing anything.
  Scenario: Items may be shaped without steps
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: foreach-shape, version: '1.0.0' }
    do:
      - await:
          listen: { to: { one: { with: { type: t } } } }
          foreach: { output: { as: '${ $item.value * 2 }' } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: { value: 4 }
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    - 8
    """

  # DSL, "Fault Tolerance": what fails in an iterator fails the listen, with the place of the step.
  Scenario: A step that fails for an event fails the listen
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: foreach-fault, version: '1.0.0' }
    do:
      - await:
          listen: { to: { any: [], until: '${ false }' } }
          foreach:
            do:
              - stop: { if: '${ .n > 1 }', raise: { error: { type: 'https://example.com/enough', status: 409 } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: { n: 1 }
    """
    And the event is published:
    """yaml
    type: t
    data: { n: 2 }
    """
    And the workflow that was started ends
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/enough
    status: 409
    instance: /do/0/await/foreach/do/0/stop
    """

  # DSL reference, "Timeout": a listen that takes too long is a fault.
  Scenario: A listen may run out of time
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: timeout, version: '1.0.0' }
    do:
      - await:
          listen: { to: { one: { with: { type: never } } } }
          timeout: { after: { milliseconds: 100 } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: other
    """
    And the workflow that was started ends
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/await
    """

  # DSL reference, "Listen": an event that comes before the step is reached is not lost.
  Scenario: Events wait for the step that listens for them
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: early, version: '1.0.0' }
    do:
      - nap: { wait: { milliseconds: 300 } }
      - second: { listen: { to: { one: { with: { type: second } } } }, export: { as: '${ { second: . } }' } }
      - first: { listen: { to: { one: { with: { type: first } } } } }
      - both: { set: '${ { first: ., second: $context.second } }' }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: first
    data: 1
    """
    And the event is published:
    """yaml
    type: second
    data: 2
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    first: [ 1 ]
    second: [ 2 ]
    """

  # DSL reference, "Event Properties": source and id tell events apart, so the same one twice is one.
  Scenario: An event that is sent twice counts once
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: twice, version: '1.0.0' }
    do:
      - await: { listen: { to: { any: [], until: '( . | length ) == 2' } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    id: x
    type: t
    data: 1
    """
    And the event is published:
    """yaml
    id: x
    type: t
    data: 1
    """
    And the event is published:
    """yaml
    id: x
    source: https://example.com/another
    type: t
    data: 2
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ 1, 2 ]
    """

  # DSL reference, "Listen": what one step has consumed is not there for the next.
  Scenario: An event is consumed once
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: once, version: '1.0.0' }
    do:
      - rounds:
          for: { in: '${ [ 1, 2 ] }' }
          do:
            - await: { listen: { to: { one: { with: { type: t } } } }, export: { as: '${ ($context // []) + . }' } }
      - told: { set: '${ { seen: $context } }' }
    """
    And given the workflow input is:
    """yaml
    []
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: t
    data: 1
    """
    And the event is published:
    """yaml
    type: t
    data: 2
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    seen: [ 1, 2 ]
    """

  # DSL reference, "Fork": branches listen side by side.
  Scenario: Branches listen side by side
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: fork, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - a: { listen: { to: { one: { with: { type: a } } } } }
              - b: { listen: { to: { one: { with: { type: b } } } } }
    """
    When the workflow is started
    And the event is published:
    """yaml
    type: b
    data: 2
    """
    And the event is published:
    """yaml
    type: a
    data: 1
    """
    And the workflow that was started ends
    Then the workflow should complete with output:
    """yaml
    [ [ 1 ], [ 2 ] ]
    """
