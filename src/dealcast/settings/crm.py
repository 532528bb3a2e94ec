"""The headings of the files that CRMs take scores from."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from dealcast.settings.section import Section

Id = Annotated[
    str,
    Field(
        min_length=1,
        description="Column of the ids: the CRM's own, or one that holds the ids of your export.",
    ),
]
Probability = Annotated[
    str,
    Field(min_length=1, description="Chance of being won within the longest horizon (per cent)."),
]
Grade = Annotated[str, Field(min_length=1, description="Grade, A to D.")]
ReasonFor = Annotated[str, Field(min_length=1, description="What raises the score most.")]
ReasonAgainst = Annotated[str, Field(min_length=1, description="What lowers it most.")]
ScoredOn = Annotated[str, Field(min_length=1, description="Day of the score (a date).")]


class CrmColumns(Section):
    """The headings of one CRM's file, each another."""

    id: Id
    probability: Probability
    grade: Grade
    reason_for: ReasonFor
    reason_against: ReasonAgainst
    scored_on: ScoredOn

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = list(self.model_dump().values())
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"two columns are named '{twice[0]}'")
        return self


class SalesforceColumns(CrmColumns):
    """API names of fields of the Opportunity."""

    id: Id = "Id"
    probability: Probability = "Dealcast_Win_Probability__c"
    grade: Grade = "Dealcast_Grade__c"
    reason_for: ReasonFor = "Dealcast_Reason_For__c"
    reason_against: ReasonAgainst = "Dealcast_Reason_Against__c"
    scored_on: ScoredOn = "Dealcast_Scored_On__c"


class HubspotColumns(CrmColumns):
    """Labels of properties of the deal."""

    id: Id = "Record ID"
    probability: Probability = "Dealcast win probability (%)"
    grade: Grade = "Dealcast grade"
    reason_for: ReasonFor = "Dealcast reason for"
    reason_against: ReasonAgainst = "Dealcast reason against"
    scored_on: ScoredOn = "Dealcast scored on"


class DynamicsColumns(CrmColumns):
    """Display names of columns of the opportunity table."""

    id: Id = "External ID"
    probability: Probability = "Probability"
    grade: Grade = "Dealcast Grade"
    reason_for: ReasonFor = "Dealcast Reason For"
    reason_against: ReasonAgainst = "Dealcast Reason Against"
    scored_on: ScoredOn = "Dealcast Scored On"


class ExportSettings(Section):
    """Scores as files for the CRM (`dealcast export scores --for CRM`)."""

    tell_age_from_days: int = Field(
        14, ge=1, description="Scores that are older (days) are written with a word of warning."
    )
    salesforce: SalesforceColumns = SalesforceColumns()
    hubspot: HubspotColumns = HubspotColumns()
    dynamics: DynamicsColumns = DynamicsColumns()
