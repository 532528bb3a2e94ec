"""CRMS: every CRM that scores can be exported to."""

from dealcast.surfaces.crm.dynamics import DYNAMICS
from dealcast.surfaces.crm.hubspot import HUBSPOT
from dealcast.surfaces.crm.salesforce import SALESFORCE
from dealcast.surfaces.crm.spec import Crm

CRMS: dict[str, Crm] = {crm.name: crm for crm in (SALESFORCE, HUBSPOT, DYNAMICS)}
