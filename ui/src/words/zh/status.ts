import type { status as english } from "../en/status";
import { n } from "./numbers";

export const status: typeof english = {
  status: {
    pending: "排队中",
    running: "运行中",
    completed: "已完成",
    failed: "失败",
    cancelled: "已取消",
  },
  outcome: {
    succeeded: "成功",
    failed: "失败",
    killed: "被信号终止",
    timed_out: "超时",
    cancelled: "已取消",
    said_failed: "脚本自报失败",
    stopped_on_error: "出错即停",
    log_limit: "日志超限",
    could_not_start: "无法启动",
    lost: "失联",
    with_issues: "完成但有问题",
  },
  ended: {
    succeeded: "成功",
    failed: (code) => `失败，退出码 ${code}`,
    killed: (signal) => `被 ${signal} 终止`,
    timed_out: (seconds) => `运行 ${n(seconds)} 秒后超时`,
    cancelled: (by) => `被 ${by} 取消`,
    said_failed: (message) => `脚本自报失败${message === "" ? "" : `：${message}`}`,
    stopped_on_error: (step) => `步骤“${step}”失败，因而停止`,
    log_limit: (limit) => `日志达到上限 ${limit}，因而停止`,
    could_not_start: (reason) => `无法启动：${reason}`,
    lost: (reason) => `失联：${reason}`,
    signal: (number) => `信号 ${number}`,
  },
  stepStatus: {
    pending: "未开始",
    running: "运行中",
    completed: "已完成",
    failed: "失败",
    cancelled: "已取消",
    skipped: "已跳过",
    unknown: "未知",
  },
};
