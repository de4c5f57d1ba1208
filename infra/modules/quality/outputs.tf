output "names" {
  description = "Name of each rule set, as a job asks for it."
  value       = { for key, set in aws_glue_data_quality_ruleset.this : key => set.name }
}
