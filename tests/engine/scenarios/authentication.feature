Feature: Authentication
  # DSL reference, "OAUTH2 Authentication": the client's secret is in the body by default.
  Scenario: A client shows its secret in the body
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-client-shows-its-secret-in-the-body, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_post
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication", client.authentication.
  Scenario: A client shows its secret by basic authentication
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-client-shows-its-secret-by-basic-authentication, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters', authentication: client_secret_basic } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_basic
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication", client.authentication.
  Scenario: A client signs with its secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-client-signs-with-its-secret, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters', authentication: client_secret_jwt } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_jwt
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication", client.authentication.
  Scenario: A public client shows nothing
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-public-client-shows-nothing, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: public, authentication: none } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: none
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication": endpoints.token, scopes, audiences, request.encoding.
  Scenario: A token is asked for at another endpoint, in JSON, with scopes and audiences
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-token-is-asked-for-at-another-endpoint-in-json-with-scopes, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, endpoints: { token: /auth/token }, request: { encoding: application/json }, scopes: [ read, write ], audiences: [ pets ], client: { id: robot, secret: 'a secret of a robot: 32 characters' } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_post
    at: /auth/token
    scope: read write
    audience: [ pets ]
    """

  # DSL reference, "OAUTH2 Authentication": the grant password.
  Scenario: A person's password is a grant
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: password-grant, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: password, username: ada, password: correct horse, client: { id: public, authentication: none } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: password
    client: none
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication": the grant refresh_token.
  Scenario: A refresh token is a grant
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-refresh-token-is-a-grant, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: refresh_token, subject: { token: a-refresh-token, type: refresh_token }, client: { id: public, authentication: none } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: refresh_token
    client: none
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication": the grant authorization_code.
  Scenario: An authorization code is a grant
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: an-authorization-code-is-a-grant, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: authorization_code, subject: { token: a-code, type: code }, client: { id: public, authentication: none } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: authorization_code
    client: none
    at: /oauth2/token
    """

  # DSL reference, "OAUTH2 Authentication": subject and actor (RFC 8693).
  Scenario: A token is exchanged
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-token-is-exchanged, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: 'urn:ietf:params:oauth:grant-type:token-exchange', subject: { token: a-subject, type: 'urn:ietf:params:oauth:token-type:jwt' }, actor: { token: an-actor, type: 'urn:ietf:params:oauth:token-type:jwt' }, client: { id: public, authentication: none } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: 'urn:ietf:params:oauth:grant-type:token-exchange'
    client: none
    at: /oauth2/token
    actor_token: an-actor
    """

  # DSL reference, "OpenIdConnect Authentication": endpoints are discovered.
  Scenario: Endpoints are discovered
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: endpoints-are-discovered, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oidc: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_post
    at: /connect/token
    """

  # DSL reference, "OAUTH2 Authentication": issuers are checked.
  Scenario: A token of another issuer is not used
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-token-of-another-issuer-is-not-used, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, issuers: [ 'https://other.example.org' ], client: { id: robot, secret: 'a secret of a robot: 32 characters' } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the token is of an issuer that the policy does not name
    instance: /do/0/ask
    """

  # DSL reference, "Standard Error Types": authentication.
  Scenario: A client with a wrong secret gets no token
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-client-with-a-wrong-secret-gets-no-token, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: robot, secret: wrong } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the token endpoint answered 401
    instance: /do/0/ask
    """

  # DSL reference, "Authentication": a policy by secret.
  Scenario: An oauth2 policy stands in a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: an-oauth2-policy-stands-in-a-secret, version: '1.0.0' }
    use: { secrets: [ policy ] }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { use: policy } }
    """
    And given the secret 'policy' is:
    """yaml
    authority: https://auth.example.org/realm
    grant: client_credentials
    client: { id: robot, secret: 'a secret of a robot: 32 characters' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_post
    at: /oauth2/token
    """

  # DSL reference, "Authentication": a policy by secret.
  Scenario: An oidc policy stands in a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: an-oidc-policy-stands-in-a-secret, version: '1.0.0' }
    use: { secrets: [ policy ] }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oidc: { use: policy } }
    """
    And given the secret 'policy' is:
    """yaml
    authority: https://auth.example.org/realm
    grant: client_credentials
    client: { id: robot, secret: 'a secret of a robot: 32 characters' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    iss: https://auth.example.org/realm
    grant: client_credentials
    client: client_secret_post
    at: /connect/token
    """

  # DSL reference, "Digest Authentication" (RFC 7616).
  Scenario: A digest proves a password
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-digest-proves-a-password, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/digest
              authentication: { digest: { username: ada, password: correct horse } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    who: ada
    at: true
    """

  # DSL reference, "Digest Authentication": by secret, by the name of a policy.
  Scenario: A named policy takes its password from a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-named-policy-takes-its-password-from-a-secret, version: '1.0.0' }
    use: { secrets: [ login ], authentications: { ada: { digest: { use: login } } } }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/digest
              authentication: { use: ada }
    """
    And given the secret 'login' is:
    """yaml
    username: ada
    password: correct horse
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    who: ada
    at: true
    """

  # DSL reference, "HTTP Call": an answer that says no is a communication error.
  Scenario: A wrong digest is refused by the server
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-wrong-digest-is-refused-by-the-server, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/digest
              authentication: { digest: { username: ada, password: wrong } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 401
    instance: /do/0/ask
    """

  # DSL, "Authorization Descriptor": scheme and parameter.
  Scenario: The authorization is told after a call
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: the-authorization-is-told-after-a-call, version: '1.0.0' }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { oauth2: { authority: https://auth.example.org/realm, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } }
          output: { as: '${ { scheme: $authorization.scheme, parts: ($authorization.parameter | split(".") | length) } }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    scheme: Bearer
    parts: 3
    """

  # DSL reference, "Authentication": a secret without what the policy needs.
  Scenario: A secret without a password is no login
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: a-secret-without-a-password-is-no-login, version: '1.0.0' }
    use: { secrets: [ login ] }
    do:
      - ask:
          call: http
          with:
            method: get
            endpoint:
              uri: https://auth.example.org/protected
              authentication: { basic: { use: login } }
    """
    And given the secret 'login' is:
    """yaml
    username: ada
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the authentication has no password
    instance: /do/0/ask
    """

  # DSL reference, "OAUTH2 Authentication": without a token there is no authentication.
  Scenario: A token endpoint that answers with a page
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-nonsense, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: https://auth.example.org/faulty, endpoints: { token: /nonsense }, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the token endpoint answered no JSON object
    instance: /do/0/ask
    """

  # DSL reference, "OAUTH2 Authentication": without a token there is no authentication.
  Scenario: A token endpoint that gives no token
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-empty, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: https://auth.example.org/faulty, endpoints: { token: /empty }, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the token endpoint gave no access token
    instance: /do/0/ask
    """

  # DSL reference, "OAUTH2 Authentication": without a token there is no authentication.
  Scenario: A token endpoint that is broken
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-broken, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: https://auth.example.org/faulty, endpoints: { token: /broken }, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the token endpoint answered 500
    instance: /do/0/ask
    """

  # DSL reference, "OAUTH2 Authentication": without a token there is no authentication.
  Scenario: A token endpoint that sends elsewhere
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-elsewhere, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: https://auth.example.org/faulty, endpoints: { token: /elsewhere }, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the token endpoint answered 302
    instance: /do/0/ask
    """

  # DSL reference, "Standard Error Types": communication.
  Scenario: An authority that cannot be reached
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-nowhere, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: https://nowhere.example.org, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/ask
    """

  # DSL, "Timeouts": a call waits for its token no longer than it may.
  Scenario: A token endpoint that is slow
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-slow, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: https://auth.example.org/faulty, endpoints: { token: /slow }, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
          timeout: { after: { milliseconds: 300 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/ask
    """

  # DSL reference, "Authentication": an authority is asked as every other address is.
  Scenario: An authority at a private address is not asked
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-inside, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oauth2: { authority: http://127.0.0.1:1, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "Authentication": an authority is asked as every other address is.
  Scenario: A discovery that names a private token endpoint
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-metadata, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oidc: { authority: 'https://auth.example.org/inside', grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    status: 500
    instance: /do/0/ask
    """

  # DSL reference, "OpenIdConnect Authentication": what the authority says of itself is read first.
  Scenario: A discovery that names no token endpoint
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: token-undiscovered, version: '1.0.0' }
    do:
      - ask:
          call: http
          with: { method: get, endpoint: { uri: https://auth.example.org/protected, authentication: { oidc: { authority: https://auth.example.org/faulty, grant: client_credentials, client: { id: robot, secret: 'a secret of a robot: 32 characters' } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    detail: the authority's discovery names no token endpoint
    instance: /do/0/ask
    """
