"""How pages call what the schema calls by names of its own."""

WORDS = {
    # clients and staff
    "ACTIVE": "Active",
    "INACTIVE": "Inactive",
    "PENDING": "Pending",
    # on the way in
    "AWAITING_CREDENTIALS": "Invited, has not chosen username and password yet",
    "AWAITING_APPROVAL": "Has confirmed, awaits approval",
    "COMPLETE": "Has a username and a password",
    # decisions
    "REGISTRATION_CONFIRMED": "Registered",
    "CLIENT_CREATED": "Created",
    "CLIENT_APPROVED": "Approved",
    "CLIENT_REJECTED": "Rejected",
    "CLIENT_DEACTIVATED": "Made inactive",
    "CLIENT_REACTIVATED": "Made active again",
    # roles
    "ORGANIZATION_ADMINISTRATOR": "Organizational Administrator",
    "DEPARTMENT_ADMINISTRATOR": "Department Administrator",
    "CARE_COORDINATOR": "Care Coordinator",
    "PRACTITIONER": "Practitioner",
}
