# Rule sets of Glue Data Quality, deployed as the text that they are written in.
# https://docs.aws.amazon.com/glue/latest/dg/dqdl.html

resource "aws_glue_data_quality_ruleset" "this" {
  for_each    = var.rules
  name        = "${var.name}-${each.value.table}"
  description = "Rules of ${each.value.database}.${each.value.table}"
  ruleset     = each.value.document

  target_table {
    database_name = each.value.database
    table_name    = each.value.table
  }
}
