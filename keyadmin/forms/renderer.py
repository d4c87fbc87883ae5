"""The renderer of all forms: the setting FORM_RENDERER."""

from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Finds templates as pages do, and renders `{{ field.as_field_group }}` with `templates/forms/field.html`."""

    field_template_name = "forms/field.html"
