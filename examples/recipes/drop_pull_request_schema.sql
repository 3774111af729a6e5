-- Copy it to the folder `macros` of the project. It drops the schema of the run, and no other than that of a pull request.
{% macro drop_pull_request_schema() %}
  {% if not target.schema.startswith('dbt_cloud_pr_') %}
    {{ exceptions.raise_compiler_error('Not the schema of a pull request: ' ~ target.schema) }}
  {% endif %}
  {% do adapter.drop_schema(api.Relation.create(database=target.database, schema=target.schema)) %}
{% endmacro %}
