"""Every GraphQL document that the pages send, also those that the server executes itself for the first state.

One document, one constant: equal texts share one live feed. Tests check each against the printed schema.
"""

from __future__ import annotations

_PORTAL_PIN = """
fragment Pin on MapPin {
  kind: __typename
  id
  name
  latitude
  longitude
  ... on LotGroup {
    mapColor
    occupancy { percentFull source stale observedAt }
    lots { ...Offer }
  }
  ... on Lot { ...Offer }
}
fragment Offer on Lot { id name availablePercent standard temporary }
"""

PORTAL_PAGE = "query Page { pins { ...Pin } me { name } }" + _PORTAL_PIN
"""The map of visitors as it is now, and who looks at it: for a guest `me` is null and an error `login_required`."""

PORTAL_OCCUPANCY = "subscription Occupancy { occupancy { pins { ...Pin } } }" + _PORTAL_PIN
"""The map of visitors as it changes. `opscom watch` follows the same feed."""

LOG_IN = "mutation LogIn($input: LogInInput!) { logIn(input: $input) { me { id } userErrors { message } } }"
LOG_OUT = "mutation LogOut { logOut { userErrors { message } } }"
"""Both are the same words in either portal, which have logins of their own."""

ADMIN_ME = "query Me { me { name permissions } }"
"""Who looks at the desk; without a login an error `login_required`."""

_ADMIN_PIN = """
fragment Pin on MapPin {
  kind: __typename
  id
  name
  latitude
  longitude
  ... on LotGroup {
    mapColor
    occupancy { capacity occupied available percentFull source stale observedAt }
    permitCounts { ...Counts }
    lots { id name permitCounts { ...Counts } }
  }
  ... on Lot { permitCounts { ...Counts } }
}
fragment Counts on PermitCounts {
  standard { maximum taken available }
  temporary { maximum taken available }
}
"""

ADMIN_PAGE = (
    """
query Desk($lots: Boolean!, $tasks: Boolean!, $previews: Boolean!) {
  previewSpaces @include(if: $previews) { kind }
  pins @include(if: $lots) { ...Pin }
  systemTasks @include(if: $tasks) {
    name
    title
    description
    enabled
    rule
    nextRunAt
    lastRun {
      id
      state
      createdAt
      startedAt
      finishedAt
      errorMessage
      counters { name count }
    }
  }
}
"""
    + _ADMIN_PIN
)
"""What staff with these permissions see: a field that is refused would take the whole answer with it."""

ADMIN_OCCUPANCY = "subscription Occupancy { occupancy { pins { ...Pin } } }" + _ADMIN_PIN
"""The map of staff as it changes."""

ADMIN_RUN = "mutation Run($name: String!) { runSystemTask(name: $name) { run { id } userErrors { message } } }"
"""RUN."""

ADMIN_LOG = """
subscription Log($id: ID!) {
  systemTaskRun(id: $id) { state log(first: 100) { edges { node { at level message } } } }
}
"""
"""A run as it goes on, with the first hundred lines of its log."""

ADMIN_MAIL = """
query Mail {
  mail(first: 50) { edges { node { state reason address subject text createdAt } } }
  capturedCalls { vendor purpose address body count lastAt }
}
"""
"""The newest messages, and what a preview held back besides."""

ADMIN_PLATFORM = """
query Platform {
  me { permissions }
  plan { plan { title } features { title description on onTrial } }
  featureTrials { id title note approved }
  platformFacts {
    outgoingAddresses { group addresses }
    mail { sender domain domainUsedSince records { type name value } }
  }
}
"""
"""What the client has and tries, and where its traffic and mail come from."""

ADMIN_DECIDE = {
    field: f"mutation {field[0].upper()}{field[1:]}($id: ID!, $reason: String!) {{ {field}(id: $id, reason: $reason) {{ userErrors {{ message }} }} }}"
    for field in ("approveFeature", "declineFeature")
}
"""Its decisions on what it tries, by mutation."""

ADMIN_DOMAINS = """
query Domains {
  me { permissions }
  siteHosts {
    hosts { name isPrimary isRedirect until }
    isIncluded
    ownDomains { name written state until checkedAt problems records { kind label name value need why } }
  }
}
"""
"""The names of the site, and the DNS records of the client's own domains."""

ADMIN_NAMES = {
    field: f"mutation {field[0].upper()}{field[1:]}($input: {form}!) {{ {field}(input: $input) {{ userErrors {{ message }} }} }}"
    for field, form in (
        ("requestOwnDomain", "HostNameInput"),
        ("checkOwnDomain", "HostNameInput"),
        ("activateOwnDomain", "HostNameInput"),
        ("releaseOwnDomain", "HostNameInput"),
        ("setPrimaryHost", "HostNameInput"),
        ("setHostRedirect", "HostRedirectInput"),
    )
}
"""Their changes, by mutation."""

ADMIN_ENTER_PREVIEW = "mutation EnterPreview { enterPreview { address userErrors { message } } }"
"""The way from production into the preview."""

ACCEPT_INVITATION = """
mutation AcceptInvitation($input: AcceptInvitationInput!) {
  acceptInvitation(input: $input) { isStaff userErrors { message } }
}
"""
ENTER = "mutation Enter($token: String!) { enter(token: $token) { userErrors { message } } }"
"""What the pages behind one-time links send."""

PAGES = {
    "portal": (PORTAL_PAGE, PORTAL_OCCUPANCY, LOG_IN, LOG_OUT),
    "admin": (
        ADMIN_ME,
        ADMIN_PAGE,
        ADMIN_OCCUPANCY,
        ADMIN_RUN,
        ADMIN_LOG,
        ADMIN_MAIL,
        ADMIN_PLATFORM,
        *ADMIN_DECIDE.values(),
        ADMIN_DOMAINS,
        *ADMIN_NAMES.values(),
        ADMIN_ENTER_PREVIEW,
        ACCEPT_INVITATION,
        ENTER,
        LOG_IN,
        LOG_OUT,
    ),
}
"""By API what the pages send: published wherever the pages are served."""
