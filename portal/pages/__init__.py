"""What people see: pages for browsers, the API's first client.

A page is a document that the API is asked, and a template that shows the answer. All of them stand
in one table (`portal.pages.table`); what is not in a document, a page does not know, and what a
document may not ask, it cannot show. Nothing here reaches behind the schema.
"""

from portal.pages.assets import assets
from portal.pages.desk import Desk

__all__ = ["Desk", "assets"]
