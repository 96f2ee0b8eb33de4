"""The help page, done by people at browsers: with scripts, and without.

How do I manage clients through the VTConnect administrative portal?
"""

from tests.browser.person import PASSWORD, People

AWAITS = "A new client awaits approval at Riverside Clinic"
CONFIRM = "Confirm your registration with Riverside Clinic"
INVITED = "Your new account with Riverside Clinic"
NORA = "nora@home.example"

OLIVIA = "olivia.admin@riverside.example"
DORA = "dora.admin@riverside.example"
CARL = "carl.care@riverside.example"


async def _register(people: People, department: str, name: str = "Nora") -> None:
    """Complete the registration of a new client, and click the link in the letter."""
    client = await people.come()
    await client.opens("/riverside")
    await client.clicks("Register")
    address = f"{name.lower()}@home.example"
    await client.fills({"First name": name, "Last name": "Newcomer", "Email": address})
    await client.fills({"Date of birth": "1990-05-17"})
    await client.chooses("Department", department)
    await client.presses("Register")
    await client.sees("Look into your mailbox: a letter tells you how to go on.")
    await client.opens_letter(address, CONFIRM)
    await client.fills({"Username": name.lower(), "Password": PASSWORD})
    await client.presses("Confirm")
    await client.sees("Your registration is confirmed.")


# --- Create Client Accounts ---------------------------------------------------------------------


async def test_option_1_front_end_account_creation(people: People) -> None:
    # "Invite clients to go to your unique VTConnect Portal URL and register. … Once the client
    # clicks the email link to confirm their account, a notification of a pending client account
    # that needs approval is sent …"
    guest = await people.come()
    before = await guest.letters(AWAITS)
    await _register(people, department="Mental Health")
    assert await guest.new_letters(AWAITS, before, 3) == [CARL, DORA, OLIVIA]

    # "The client is not able to login to the VTConnect App until one of the notified staff logs in
    # to the Portal, goes to the Client tab, views the list of Pending Clients and approves the
    # account."
    assert "waiting to be approved" in await people.app_says("nora")
    carl = await people.come("carl.care")
    await carl.clicks("Clients")
    await carl.sees("Active clients")
    await carl.chooses("Show", "Pending")
    await carl.presses("Go")
    await carl.clicks("Newcomer, Nora")
    await carl.presses("Approve this Account")
    await carl.sees("The account is approved.", "Active")
    assert await people.app_says("nora") == ""

    await guest.opens_letter(NORA, "Your account with Riverside Clinic is approved")
    await guest.fills({"Username": "nora", "Password": PASSWORD})
    await guest.presses("Sign in")
    await guest.sees("Hello Nora", "You can sign in to the VTConnect app")


async def test_the_letter_leads_notified_staff_to_the_client(people: People) -> None:
    await _register(people, department="Mental Health")
    dora = await people.come()
    await dora.opens_letter(DORA, AWAITS)
    await dora.fills({"Username": "dora.admin", "Password": PASSWORD})
    await dora.presses("Sign in")
    await dora.sees("Nora Newcomer", "Nora waits to be approved")


async def test_new_client_notifications_are_switched_off(people: People) -> None:
    # "To disable these email notifications, edit the staff account and uncheck the box next to the
    # field 'Receive New Client Notifications'."
    carl = await people.come("carl.care")
    await carl.clicks("Staff")
    await carl.clicks("Carl Okafor")
    await carl.clicks("Edit")
    await carl.unticks("Receive New Client Notifications")
    await carl.presses("Save details")
    await carl.sees("The details are saved.", "Receive New Client Notifications No")
    before = await carl.letters(AWAITS)
    await _register(people, department="Mental Health")
    assert await carl.new_letters(AWAITS, before, 2) == [DORA, OLIVIA]


async def test_who_is_unsure_is_approved_and_assigned_by_an_organizational_administrator(
    people: People,
) -> None:
    # "If … a client indicates during registration they are unsure of the department they are
    # registering with, only the Organizational Administrator(s) will be notified and be able to
    # approve and assign the client to a department/practitioner."
    guest = await people.come()
    before = await guest.letters(AWAITS)
    await _register(people, department="I am not sure")
    assert await guest.new_letters(AWAITS, before, 1) == [OLIVIA]

    dora = await people.come("dora.admin")
    await dora.opens("/riverside/clients?status=PENDING")
    await dora.sees("Côté, Chloé")
    await dora.does_not_see("Newcomer")

    olivia = await people.come("olivia.admin")
    await olivia.clicks("Pending clients")
    await olivia.clicks("Newcomer, Nora")
    await olivia.sees("Nora was not sure of the department.")
    await olivia.clicks("Approve this Account")
    await olivia.chooses("Department", "Family Medicine")
    await olivia.chooses("Petra Novák", "Family Medicine")
    await olivia.presses("Approve this Account")
    await olivia.sees("The account is approved.", "Petra Novák Family Medicine")
    assert await people.app_says("nora") == ""


async def test_option_2_back_end_account_creation(people: People) -> None:
    # "Login to the VTConnect Portal … and click on the Clients top menu item. Click the
    # 'Create New' button …"
    carl = await people.come("carl.care")
    await carl.clicks("Clients")
    await carl.clicks("Create New")

    # "Fill in the applicable fields" (First Name, Last Name, Email, and DOB are required).
    await carl.presses("Create")
    await carl.sees("There is a problem")
    for label in ("First Name", "Last Name", "Email", "DOB"):
        field = carl.field(label)
        assert await field.get_attribute("aria-invalid") == "true", label
    assert await carl.field("Phone").get_attribute("aria-invalid") is None
    await carl.fills({"First Name": "Finn", "Last Name": "Fischer", "Email": "finn@home.example"})
    await carl.fills({"DOB": "1991-07-30"})

    # "Assign the client to any practitioners they might need to connect with … Click the 'Create'
    # button."
    await carl.chooses("Petra Novák", "Mental Health")
    await carl.presses("Create")
    await carl.sees("Finn Fischer", "Active", "Petra Novák Mental Health")

    # "The client will be sent an automatic email notification of the account creation and a link
    # to define their username and password."
    finn = await people.come()
    await finn.opens_letter("finn@home.example", INVITED)
    await finn.fills({"Username": "finn", "Password": PASSWORD})
    await finn.presses("Save")
    await finn.sees("Now you can sign in")
    assert await people.app_says("finn") == ""
    await finn.signs_in("finn")
    await finn.sees("Hello Finn", "Petra Novák")


# --- Manage Client/Practitioner Associations ----------------------------------------------------


async def test_staff_designated_as_a_practitioner_are_assigned_to_clients(people: People) -> None:
    # "Go to the Staff tab and click to view a particular Staff record. … If not already assigned,
    # first click the 'Edit' button and click the 'Practitioner' box and 'Save'."
    olivia = await people.come("olivia.admin")
    await olivia.clicks("Staff")
    await olivia.clicks("Carl Okafor")
    await olivia.clicks("Edit")
    await olivia.sees("the staff member must be assigned the Practitioner role")
    await olivia.ticks("Practitioner", within="Mental Health")
    await olivia.ticks("Practitioner", within="Physiotherapy")
    await olivia.presses("Save roles")
    await olivia.sees("The roles are saved.")

    # "… click 'Edit' and choose the appropriate associations. … if the practitioner is assigned to
    # more than one department, only one department can be selected for the client association …"
    await olivia.clicks("Edit")
    label = "Amy Adams 17 May 1990"
    assert await olivia.choices(label) == ["Not associated", "Mental Health", "Physiotherapy"]
    await olivia.chooses(label, "Physiotherapy")
    await olivia.presses("Save associations")
    await olivia.sees("The associations are saved.", "Amy Adams Physiotherapy")


async def test_clients_are_assigned_to_staff_designated_as_a_practitioner(people: People) -> None:
    # "Go to the Clients tab and click to view a particular Client record. … click 'Edit' and choose
    # the appropriate associations."
    olivia = await people.come("olivia.admin")
    await olivia.clicks("Clients")
    await olivia.clicks("Adams, Amy")
    await olivia.clicks("Edit")
    assert await olivia.choices("Petra Novák") == [
        "Not associated",
        "Family Medicine",
        "Mental Health",
    ]
    await olivia.chooses("Petra Novák", "Family Medicine")
    await olivia.chooses("Paul Lindqvist", "Physiotherapy")
    await olivia.presses("Save associations")
    await olivia.sees("Petra Novák Family Medicine", "Paul Lindqvist Physiotherapy")
    await olivia.does_not_see("Petra Novák Mental Health")
    await olivia.clicks("Edit")
    await olivia.chooses("Paul Lindqvist", "Not associated")
    await olivia.presses("Save associations")
    await olivia.does_not_see("Paul Lindqvist")


async def test_department_staff_associate_within_their_department(people: People) -> None:
    # "Organization Administrators can associate clients to staff in any department, but Department
    # Administrators and Care Coordinators can only associate clients to staff in their department."
    carl = await people.come("carl.care")
    await carl.clicks("Clients")
    await carl.clicks("Adams, Amy")
    await carl.clicks("Edit")
    assert await carl.choices("Petra Novák") == ["Not associated", "Mental Health"]
    await carl.does_not_see("Paul Lindqvist")


# --- Client Types Defined -----------------------------------------------------------------------


async def test_active_clients_use_portal_and_app(people: People) -> None:
    amy = await people.come("amy.client")
    await amy.sees("Hello Amy", "Your practitioners", "Petra Novák")
    assert await people.app_says("amy.client") == ""


async def test_inactive_clients_use_neither_and_get_a_message(people: People) -> None:
    gil = await people.come("gil.client")
    await gil.sees("Your account is inactive, so you cannot sign in.")
    assert "inactive" in await people.app_says("gil.client")


async def test_pending_clients_use_the_portal_only_and_get_a_message(people: People) -> None:
    chloe = await people.come("chloe.client")
    await chloe.sees("Hello Chloé", "Your account is waiting to be approved.", "Mental Health")
    assert "waiting to be approved" in await people.app_says("chloe.client")


# --- Manage Client Types - Active/Inactive/Pending ----------------------------------------------


async def test_clients_are_moved_from_list_to_list(people: People) -> None:
    # "The default view is the Active clients list. To change the view to Inactive or Pending
    # clients, use the drop down menu in the upper right."
    amy = await people.come("amy.client")
    carl = await people.come("carl.care")
    await carl.clicks("Clients")
    await carl.sees("Active clients", "Adams, Amy")

    # "… click on the client record in the Active list, click 'Edit', and then uncheck the box next
    # to 'Active', then click 'Save'."
    await carl.clicks("Adams, Amy")
    await carl.clicks("Edit")
    await carl.unticks("Active")
    await carl.fills({"Reason, when you make the client inactive": "Moved away."})
    await carl.presses("Save account")
    await carl.sees("Inactive", "Moved away.")
    await amy.opens("/riverside/account")
    await amy.sees("Sign in")
    assert "inactive" in await people.app_says("amy.client")

    # "… click on the client record in the Inactive list, click 'Edit', and then check the box next
    # to 'Active', then click 'Save'."
    await carl.clicks("Clients")
    await carl.does_not_see("Adams, Amy")
    await carl.chooses("Show", "Inactive")
    await carl.presses("Go")
    await carl.clicks("Adams, Amy")
    await carl.clicks("Edit")
    await carl.ticks("Active")
    await carl.presses("Save account")
    await carl.sees("Active", "Petra Novák")
    assert await people.app_says("amy.client") == ""

    # "… click on the client record in the Pending client list and click the button to 'Approve
    # this Account'."
    await carl.clicks("Clients")
    await carl.chooses("Show", "Pending")
    await carl.presses("Go")
    await carl.clicks("Côté, Chloé")
    await carl.presses("Approve this Account")
    await carl.sees("The account is approved.")
    await carl.clicks("Clients")
    await carl.sees("Côté, Chloé")
