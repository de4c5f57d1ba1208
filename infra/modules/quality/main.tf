# Rule sets of Glue Data Quality, deployed as the text that Lakewright evaluates too.
# https://docs.aws.amazon.com/glue/latest/dg/dqdl.html

resource "aws_glue_data_quality_ruleset" "this" {
  for_each    = var.rules
  name        = "${var.name}-${each.value.table}"
  description = "Rules of ${each.value.database}.${each.value.table}"
  ruleset     = "Rules = [\n  ${join(",\n  ", each.value.rules)}\n]"

  target_table {
    database_name = each.value.database
    table_name    = each.value.table
  }
}
