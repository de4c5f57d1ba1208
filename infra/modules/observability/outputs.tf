output "topic_arn" {
  description = "ARN of the topic, for what tells of itself."
  value       = aws_sns_topic.this.arn
  depends_on  = [aws_sns_topic_policy.this]
}
