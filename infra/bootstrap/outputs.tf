output "backend" {
  description = "The lines of live/<lake>/backend.hcl."
  value       = <<-HCL
    bucket = "${aws_s3_bucket.state.id}"
    region = "${var.region}"
  HCL
}
