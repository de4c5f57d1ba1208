output "lake" {
  description = "Where everything is."
  value       = module.autocorp
}
