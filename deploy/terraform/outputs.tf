output "role_arns" {
  description = "ARN of each role, by what it does."
  value       = { for role, made in aws_iam_role.own : role => made.arn }
}

output "topic_arn" {
  description = "Where alarms go: subscribe somebody whom they wake."
  value       = aws_sns_topic.alarms.arn
}
