output "zones" {
  description = "URI of each zone's copy."
  value       = { for zone, place in module.storage.zones : zone => place.uri }
  depends_on  = [module.replication]
}
